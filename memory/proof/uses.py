"""How often a lesson is used: a bound on its worth that every episode tells, with no replay.

A lesson that the agent does not use cannot help it. So its effect is at most the part of the episodes that showed it
in which it was used. This holds for an agent that cites what it uses (``Trajectory.cited``; abilities, and lessons
that set the manner of deciding, count as cited); where the agent hardly ever cites anything, nothing is concluded.
Success is left out on purpose: while the agent hardly ever succeeds, a lesson that it needs beside others would seem
worth nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from knowhow.memory.proof.effects import Ended, counts
from knowhow.memory.proof.room import Room

NAME = "used"
"""The prefix under which an item's effect keeps it."""
CITING = 0.5
"""The least part of the episodes, of those with anything to cite, in which an agent that cites does so."""


class Told(Ended, Protocol):
    """A trajectory, or its summary."""

    @property
    def shown(self) -> tuple[str, ...]: ...
    @property
    def cited(self) -> tuple[str, ...]: ...


def of_used(episodes: Iterable[Told]) -> dict[str, Room]:
    """By item, how many of the episodes that showed it used it; nothing of an agent that does not cite."""
    seen = [episode for episode in episodes if counts(episode) and episode.shown]
    if sum(bool(episode.cited) for episode in seen) < CITING * len(seen):
        return {}
    found: dict[str, Room] = {}
    for episode in seen:
        used = {*episode.cited}
        for id in episode.shown:
            found[id] = found.get(id, Room()) + Room(1, float(id in used))
    return found
