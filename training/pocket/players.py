"""Players whose episodes the pocket model learns to speak from: one goes straight, one looks for the way, one is
aimless and gives up, and one calls what memory offers it for the task.

The first two say before every call what has become possible here, and their goal: a small model finds it easier to
choose among what it said last than to look far back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from random import Random

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from knowhow.agents.goals import slots
from knowhow.agents.novice.reading import read_observation
from knowhow.agents.novice.skills import read_skills
from knowhow.agents.types import Decider, Turn
from knowhow.environments.calls import parse_call, render_call
from knowhow.environments.types import ToolCall

GIVE_UP = "I have nothing more to do."
LOOKING = ("open ", "go to ")
"""How the commands begin with which one looks around in a text world, the nearest first."""
FETCHING = "take "


def straight(goal: str, way: Sequence[ToolCall]) -> Decider:
    """Follows ``way``, and gives up where it ends."""
    left = iter(way)

    async def decide(turn: Turn) -> AIMessage:
        call = next(left, None)
        return _aware(turn, goal, render_call(call, turn.tools) if call else None)

    return decide


def methodical(goal: str, way: Sequence[ToolCall], dice: Random, *, often: float = 0.02) -> Decider:
    """As one who knows what to do, and not where: looks everywhere in the order of the list for a thing of the kind
    that ``way`` fetches, then goes on from there. With the probability ``often`` it does something else on the way."""
    left, fetched = list[str](), set[str]()
    begun = False

    async def decide(turn: Turn) -> AIMessage:
        nonlocal left, begun
        if not begun:
            left, begun = [render_call(call, turn.tools) for call in way], True
        options = _options(turn)
        if options and left and dice.random() < often:
            return _aware(turn, goal, dice.choice(options))
        fetch = next((n for n, command in enumerate(left) if not command.startswith(LOOKING)), None)
        if fetch is not None and left[fetch].startswith(FETCHING):
            found = _found(left[fetch], [option for option in options if _thing(option) not in fetched])
            if found is None and (place := _unseen(turn)) is not None:
                return _aware(turn, goal, place)
            if found is not None:
                fetched.add(_thing(found))
                left = [one.replace(_thing(left[fetch]), _thing(found)) for one in left[fetch + 1 :]]
                return _aware(turn, goal, found)
        if left and (there := _there(left[0], options)) is not None:
            return _aware(turn, goal, there)
        return _aware(turn, goal, left.pop(0) if left else None)

    return decide


def aimless(goal: str, dice: Random, *, least: int = 2, most: int = 8) -> Decider:
    """Does so many random things that are possible, then gives up."""
    moves = iter(range(dice.randint(least, most)))

    async def decide(turn: Turn) -> AIMessage:
        options = _options(turn) if next(moves, None) is not None else ()
        return _reply(turn, goal, dice.choice(options) if options else None)

    return decide


def delegating(goal: str, by_hand: Decider) -> Decider:
    """Calls first the ability that memory offers for a task that reads like ``goal``; goes on by hand after it.

    It says the arguments before, as it says elsewhere what is possible: so they are found first, and copied then."""

    async def decide(turn: Turn) -> AIMessage:
        call = None if _made(turn) else _offered(goal, turn)
        if call is None:
            return await by_hand(turn)
        arguments = ", ".join(json.dumps(value) for value in call.arguments.values())
        return _calling(f"{goal}. There is a skill for it, with {arguments}", call)

    return decide


def _offered(goal: str, turn: Turn) -> ToolCall | None:
    """The call of the first ability whose wording the goal has."""
    calls = (
        ToolCall(skill.tool, found)
        for skill in read_skills(str(turn.messages[0].content), turn.tools)
        if (found := slots(skill.plan.pattern, goal)) is not None
    )
    return next(calls, None)


def _found(wanted: str, options: Sequence[str]) -> str | None:
    """What fetches a thing of the wanted kind here."""
    kind = _kind(wanted)
    return next((option for option in options if _kind(option) == kind), None)


def _there(wanted: str, options: Sequence[str]) -> str | None:
    """How to get where the command can be given, if it cannot be given here."""
    if wanted in options:
        return None
    return next((o for o in options if o.startswith("go to ") and wanted.endswith(o.removeprefix("go to"))), None)


def _kind(command: str) -> str:
    """What is done with what: ``take apple`` for ``take apple 2 from fridge 1``."""
    return re.split(r" \d", command)[0]


def _thing(command: str) -> str:
    """``apple 2`` for ``take apple 2 from fridge 1``."""
    named = re.match(r"\S+ (\D+ \d+)", command)
    return named[1] if named else command


def _unseen(turn: Turn) -> str | None:
    done = {render_call(call, turn.tools) for call in _made(turn)}
    todo = [option for option in _options(turn) if option not in done]
    return next((option for verb in LOOKING for option in todo if option.startswith(verb)), None)


def _options(turn: Turn) -> tuple[str, ...]:
    return _possible(turn.messages[-1])


def _possible(message: BaseMessage) -> tuple[str, ...]:
    content = message.content if isinstance(message.content, str) else str(message.content)
    return read_observation(content.rpartition("# Observation\n")[2])[1]


def _made(turn: Turn) -> list[ToolCall]:
    replies = [message for message in turn.messages if isinstance(message, AIMessage)]
    return [ToolCall(call["name"], call["args"]) for reply in replies for call in reply.tool_calls]


def _aware(turn: Turn, goal: str, command: str | None) -> AIMessage:
    """Says first what is possible here and was not at the start."""
    first = next((_possible(message) for message in turn.messages if isinstance(message, HumanMessage)), ())
    here = [option for option in _options(turn) if option not in first]
    return _reply(turn, f"{goal}. Here: {', '.join(here) or 'nothing'}", command)


def _reply(turn: Turn, said: str, command: str | None) -> AIMessage:
    if command is None:
        return AIMessage(GIVE_UP)
    return _calling(said, parse_call(command, turn.tools))


def _calling(said: str, call: ToolCall) -> AIMessage:
    return AIMessage(f"To do: {said}", tool_calls=[{"name": call.name, "args": dict(call.arguments), "id": "call"}])
