"""Players whose episodes the pocket model learns to speak from: one goes straight, one looks for the way, and one is
aimless and gives up.

Each says its goal before every call: a small model finds it easier to repeat what it said last than to look far back.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from langchain_core.messages import AIMessage, BaseMessage

from knowhow.agents.novice.reading import read_observation
from knowhow.agents.types import Decider, Turn
from knowhow.environments.calls import parse_call, render_call
from knowhow.environments.types import ToolCall

GIVE_UP = "I have nothing more to do."


def straight(goal: str, way: Sequence[ToolCall]) -> Decider:
    """Follows ``way``, and gives up where it ends."""
    left = iter(way)

    async def decide(turn: Turn) -> AIMessage:
        return _reply(goal, next(left, None))

    return decide


def methodical(goal: str, way: Sequence[ToolCall], dice: Random, *, often: float = 0.03) -> Decider:
    """As one who knows what to do, and not where: before the first call of ``way`` it makes those that stand before it
    in the list of what is possible and begin with the same word. With the probability ``often`` it does something
    else on the way."""
    left, looking = list(way), True

    async def decide(turn: Turn) -> AIMessage:
        nonlocal looking
        options = _options(turn)
        if not left or (options and dice.random() < often):
            return _reply(goal, parse_call(dice.choice(options), turn.tools) if left else None)
        wanted = render_call(left[0], turn.tools)
        alike = [option for option in options if option.split()[:1] == wanted.split()[:1]]
        done = {render_call(call, turn.tools) for call in _made(turn)}
        before = alike[: alike.index(wanted)] if looking and wanted in alike else []
        others = [option for option in before if option not in done]
        if others:
            return _reply(goal, parse_call(others[0], turn.tools))
        looking = False
        return _reply(goal, left.pop(0))

    return decide


def aimless(goal: str, dice: Random, *, least: int = 2, most: int = 8) -> Decider:
    """Does so many random things that are possible, then gives up."""
    moves = iter(range(dice.randint(least, most)))

    async def decide(turn: Turn) -> AIMessage:
        return _reply(goal, _anything(turn, dice) if next(moves, None) is not None else None)

    return decide


def _anything(turn: Turn, dice: Random) -> ToolCall | None:
    options = _options(turn)
    return parse_call(dice.choice(options), turn.tools) if options else None


def _options(turn: Turn) -> tuple[str, ...]:
    return read_observation(_text(turn.messages[-1]))[1]


def _made(turn: Turn) -> list[ToolCall]:
    replies = [message for message in turn.messages if isinstance(message, AIMessage)]
    return [ToolCall(call["name"], call["args"]) for reply in replies for call in reply.tool_calls]


def _text(message: BaseMessage) -> str:
    content = message.content if isinstance(message.content, str) else str(message.content)
    return content.rpartition("# Observation\n")[2]


def _reply(goal: str, call: ToolCall | None) -> AIMessage:
    if call is None:
        return AIMessage(GIVE_UP)
    return AIMessage(f"To do: {goal}", tool_calls=[{"name": call.name, "args": dict(call.arguments), "id": "call"}])
