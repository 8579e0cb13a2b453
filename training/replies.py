"""The replies of an episode: which message led to which step, and which replies may be learned from at all."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Step, Trajectory
from knowhow.training.types import Message

_REPLAYED = "replay-"
"""What the ids of calls begin with that an episode replayed before its first decision (``agents/episode.py``)."""

Weigh = Callable[[Trajectory, int], float]
"""How much the reply that led to a step counts in the loss, >= 0; 0 masks it."""


def alike(trajectory: Trajectory, step: int) -> float:
    """Every reply counts the same."""
    return 1.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An assistant's message: its ``place`` among the messages, the ``step`` that it led to, and its ``weight``."""

    place: int
    step: int | None
    weight: float


def replies(trajectory: Trajectory, weigh: Weigh = alike) -> list[Reply]:
    """Every reply of the episode, in order.

    Some never count, whatever ``weigh`` says: one that led to no step (the episode failed on it, or it is older than
    the episode), one that was replayed (it was no decision), and one that held no usable call.

    Raises: BadSetting where ``weigh`` gives no number >= 0.
    """
    places = [place for place, message in enumerate(trajectory.messages) if message["role"] == "assistant"]
    steps = _steps_of(trajectory, [trajectory.messages[place] for place in places])
    return [
        Reply(place, step, _weight(trajectory, trajectory.messages[place], step, weigh))
        for place, step in zip(places, steps, strict=True)
    ]


def calls_of(message: Message) -> list[dict[str, Any]]:
    """The functions that a message calls, with their arguments as JSON text."""
    return [call["function"] for call in message.get("tool_calls") or ()]


def deeds(message: Message) -> list[tuple[str, Any]]:
    """What a message does: the names and arguments of its calls."""
    return [(call["name"], json.loads(call["arguments"])) for call in calls_of(message)]


def plain(message: Message) -> tuple[Any, ...]:
    """What a message says and calls, without the ids of its calls, which differ between equal episodes."""
    calls = tuple((call["name"], call["arguments"]) for call in calls_of(message))
    content = message.get("content")
    return message["role"], content if isinstance(content, str) else json.dumps(content), calls


def _steps_of(trajectory: Trajectory, messages: Sequence[Message]) -> list[int | None]:
    """Each reply leads to the step after that of the reply before. A chat agent's reply may lead to as many steps as it
    makes calls, and what was said before its run leads to none."""
    found: list[int | None] = []
    begin = end = 0
    for message in messages:
        window = range(begin, min(end + 1, len(trajectory.steps)))
        step = next((number for number in window if _led_to(message, trajectory.steps[number])), None)
        found.append(step)
        if step is not None:
            begin, end = step + 1, step + max(1, len(calls_of(message)))
    return found


def _led_to(message: Message, step: Step) -> bool:
    if step.call is None:  # it held no usable call, and is the next reply in any case
        return True
    done = deeds(message)
    if not done:  # a chat agent's answer
        return _letters(step.said) == _letters(message.get("content"))
    return (step.call.name, json.loads(json.dumps(dict(step.call.arguments)))) in done


def _letters(content: Any) -> str:
    """A text, or text in parts, without its white space, which depends on how parts are joined."""
    parts = [content or ""] if isinstance(content, str | None) else [part.get("text", "") for part in content]
    return "".join("".join(parts).split())


def _weight(trajectory: Trajectory, message: Message, step: int | None, weigh: Weigh) -> float:
    if step is None or trajectory.steps[step].call is None or _replayed(message):
        return 0.0
    weight = float(weigh(trajectory, step))
    if not (math.isfinite(weight) and weight >= 0):
        raise BadSetting(f"step {step} of episode {trajectory.id} weighs {weight}; a weight is a number >= 0")
    return weight


def _replayed(message: Message) -> bool:
    return any(str(call.get("id")).startswith(_REPLAYED) for call in message.get("tool_calls") or ())
