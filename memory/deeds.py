"""What was done in an episode, as an example shows it: each call of the environment's, and which later ones it opened.

Of all that a call made possible, only what was made use of is kept, so that a long episode becomes a short example
that still says why its calls came in this order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from knowhow.agents.transcript import NEW_HEADING, call_text
from knowhow.environments.types import Step, Trajectory

_WORD = re.compile(r"[a-z]+")
_SHORT = 3
"""Words of fewer letters (a, in, on, to) name nothing."""


@dataclass(frozen=True, slots=True)
class Deed:
    """``call`` as text, what was ``seen`` after it, and the later calls that it ``opened``."""

    call: str
    seen: str = ""
    opened: tuple[str, ...] = ()


def deeds(trajectory: Trajectory) -> list[Deed]:
    """Every usable call of the environment's own in order, also those that abilities made."""
    found, before = list[tuple[Deed, frozenset[str]]](), trajectory.first.commands
    for step in _calls(trajectory.steps):
        after = step.feedback.commands
        new = frozenset(after or ()) - frozenset(before or ()) if before is not None else frozenset()
        found.append((Deed(call_text(step, before), step.feedback.observation), new))
        before = after
    return [replace(deed, opened=_used(new, found[at + 1 :])) for at, (deed, new) in enumerate(found)]


def told(deed: Deed) -> str:
    """The deed as ``agents/transcript.py`` writes one; what was seen is one indented line, so that it can pass for
    nothing else."""
    seen = f"  {line(deed.seen)}" if deed.seen else ""
    opened = f"{NEW_HEADING} {'; '.join(deed.opened)}" if deed.opened else ""
    return "\n".join(part for part in (f"> {line(deed.call)}", seen, opened) if part)


def line(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


def signature(goal: str, done: Sequence[Deed]) -> str:
    """The same for the same plan with other things: calls without numbers and without the goal's own words."""
    named = set(words(goal))
    calls = (" ".join("_" if word in named else word for word in _WORD.findall(deed.call.lower())) for deed in done)
    return "; ".join(calls)


def words(text: str) -> list[str]:
    """The words of a text that may name something, in lower case."""
    return [word for word in _WORD.findall(text.lower()) if len(word) >= _SHORT]


def _calls(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        yield from (one for one in step.inner or (step,) if one.call is not None)


def _used(new: frozenset[str], later: Sequence[tuple[Deed, frozenset[str]]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(deed.call for deed, _ in later if deed.call in new))
