"""Room for improvement: what lessons could be worth at most, told by replays that go without all of them.

Where the agent succeeds without a lesson, that lesson cannot be worth much: its effect is at most what the reward
without it falls short of 1. One such replay speaks of every lesson on trial, whatever they would do to each other.
While there seems to be little room, replays are spent on that (see ``promote.py`` for what follows); where there is
room, in pairs, which alone can tell that a lesson helps or harms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

from knowhow.environments.types import Trajectory
from knowhow.memory.proof.effects import counts

_ALTERNATIVES = {0.3: 0.2, 0.6: 0.8}
"""The room that is reckoned with, in times the worth that it is compared with, and the part of each in the mixture."""
_HOPE = 10.0
"""Successes that are taken for granted before any: a few failures are no reason to look no further."""
_PROBE = 5
"""Replays that a first look takes, but no more than a quarter of a round's."""
_FADES = 0.8
"""What a round's replays count in the next: when lessons were promoted or learned, the room is another."""


@dataclass(frozen=True, slots=True)
class Room:
    """``left`` is the sum of what each of ``count`` episodes says that an item may be worth at most, in [0, 1]:
    1 - reward for one that went without it."""

    count: int = 0
    left: float = 0.0

    @classmethod
    def of(cls, effect: Mapping[str, float] | None, name: str = "room") -> Room:
        """What an item's ``effect`` tells of it under ``name``."""
        sums = effect or {}
        return cls(int(sums.get(f"{name}_count", 0)), sums.get(f"{name}_left", 0.0))

    def to_effect(self, name: str = "room") -> dict[str, float]:
        return {f"{name}_count": self.count, f"{name}_left": round(self.left, 6)} if self.count else {}

    def __add__(self, other: Room) -> Room:
        return Room(self.count + other.count, self.left + other.left)

    def log_wealth(self, worth: float) -> float:
        """The log of a non-negative supermartingale, 1 at the start, wherever the mean of the scores, and so perhaps
        the effect, is at least ``worth``.

        The likelihood ratio of coins that fall with less than that probability, averaged over some. For a score x in
        [0, 1] it is, the logarithm being concave, at most 1 + l (worth - x) for some l >= 0 (betting, Waudby-Smith and
        Ramdas, arXiv 2010.09686), whose expectation is then at most 1.
        """
        logs = [
            log(part) + self.left * log(share) + (self.count - self.left) * log((1 - share * worth) / (1 - worth))
            for share, part in _ALTERNATIVES.items()
        ]
        return max(logs) + log(sum(exp(one - max(logs)) for one in logs))


def of_spared(episodes: Iterable[Trajectory]) -> dict[str, Room]:
    """By item, what episodes that went without it left to gain."""
    found: dict[str, Room] = {}
    for episode in filter(counts, episodes):
        for id in episode.withheld:
            found[id] = found.get(id, Room()) + Room(1, 1 - (episode.reward or 0.0))
    return found


def to_spare(rewards: Sequence[Sequence[float]], replays: int, worth: float) -> int:
    """How many of a round's replays go without all lessons on trial, given the rewards of such replays in each round
    before."""
    weight = left = 0.0
    for earlier in rewards:
        weight = _FADES * weight + len(earlier)
        left = _FADES * left + sum(1 - reward for reward in earlier)
    if left >= worth * (_HOPE + weight):
        return 0
    return replays if weight >= _PROBE else min(replays // 4, _PROBE)
