"""Mediocre players, whose episodes the pocket model learns to speak from: one knows a way but wanders first, one knows
none and gives up."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from langchain_core.messages import AIMessage, BaseMessage

from knowhow.agents.novice.reading import read_observation
from knowhow.agents.types import Decider, Turn
from knowhow.environments.calls import parse_call
from knowhow.environments.types import ToolCall

GIVE_UP = "I have nothing more to do."


def wandering(way: Sequence[ToolCall], dice: Random, *, before: int = 3, often: float = 0.03) -> Decider:
    """Does up to ``before`` random things that are possible, then follows ``way``, straying with the probability
    ``often`` before each of its calls; gives up where it ends."""
    left = list(way)
    stray = [True] * dice.randint(0, before)
    for _ in left:
        stray += [True] * (dice.random() < often) + [False]
    moves = iter(stray)

    async def decide(turn: Turn) -> AIMessage:
        if next(moves, True) and left:
            return _reply(_anything(turn, dice))
        return _reply(left.pop(0) if left else None)

    return decide


def aimless(dice: Random, *, least: int = 2, most: int = 8) -> Decider:
    """Does so many random things that are possible, then gives up."""
    moves = iter(range(dice.randint(least, most)))

    async def decide(turn: Turn) -> AIMessage:
        return _reply(_anything(turn, dice) if next(moves, None) is not None else None)

    return decide


def _anything(turn: Turn, dice: Random) -> ToolCall | None:
    _, options = read_observation(_text(turn.messages[-1]))
    return parse_call(dice.choice(options), turn.tools) if options else None


def _text(message: BaseMessage) -> str:
    content = message.content if isinstance(message.content, str) else str(message.content)
    return content.rpartition("# Observation\n")[2]


def _reply(call: ToolCall | None) -> AIMessage:
    if call is None:
        return AIMessage(GIVE_UP)
    return AIMessage("", tool_calls=[{"name": call.name, "args": dict(call.arguments), "id": "call"}])
