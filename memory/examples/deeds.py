"""What was done in an episode, as an example shows it: each call of the environment's, and which later ones it opened.

Of all that a call made possible, only what was made use of is kept, so that a long episode becomes a short example
that still says why its calls came in this order.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from knowhow.agents.transcript import NEW_HEADING, call_text
from knowhow.environments.types import Step, Trajectory

_WORD = re.compile(r"[a-z]+")
LONGEST = 240
"""Characters that an example shows of an observation."""
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
    seen = f"  {textwrap.shorten(deed.seen, LONGEST, placeholder=' ...')}" if deed.seen else ""
    opened = f"{NEW_HEADING} {'; '.join(deed.opened)}" if deed.opened else ""
    return "\n".join(part for part in (f"> {line(deed.call)}", seen, opened) if part)


def shortened(goal: str, done: Sequence[Deed], characters: int) -> str:
    """The deeds as text of at most so many characters, or the last deed alone: what has nothing to do with the goal,
    and opened nothing that has, goes first, then what came first."""
    kept = list(range(len(done)))
    matter = _that_matter(goal, done)
    for at in sorted(kept, key=lambda at: (at in matter, at)):
        if len(_joined(done, kept)) <= characters or len(kept) == 1:
            break
        kept.remove(at)
    return _joined(done, kept)


def line(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


def signature(goal: str, done: Sequence[Deed]) -> str:
    """The same for the same plan with other things: calls without numbers and without the goal's own words."""
    named = set(words(goal))
    calls = (" ".join("_" if word in named else word for word in _WORD.findall(deed.call.lower())) for deed in done)
    return "; ".join(calls)


def skills(done: Sequence[Deed]) -> list[str]:
    """What was done, by the first word of each call: ``take``, ``open``, ``click``."""
    return list(dict.fromkeys(found[0] for deed in done if (found := _WORD.search(deed.call.lower()))))


def words(text: str) -> list[str]:
    """The words of a text that may name something, in lower case."""
    return [word for word in _WORD.findall(text.lower()) if len(word) >= _SHORT]


def _that_matter(goal: str, done: Sequence[Deed]) -> set[int]:
    named = set(words(goal))
    found = {at for at, deed in enumerate(done) if named & set(words(deed.call))} | {len(done) - 1}
    for at in reversed(range(len(done))):
        if any(done[other].call in done[at].opened for other in found if other > at):
            found.add(at)
    return found


def _joined(done: Sequence[Deed], kept: Sequence[int]) -> str:
    left_out = len(done) - len(kept)
    head = [f"({left_out} other calls left out)"] * bool(left_out)
    return "\n".join([*head, *(told(done[at]) for at in kept)])


def _calls(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        yield from (one for one in step.inner or (step,) if one.call is not None)


def _used(new: frozenset[str], later: Sequence[tuple[Deed, frozenset[str]]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(deed.call for deed, _ in later if deed.call in new))
