"""From what succeeds to the next harder kinds: most of a round goes to the easiest kinds of task that are not yet
mastered, the rest rehearses the mastered ones (after self-improving transformers, arXiv 2502.01612).

A kind is the easier the higher its recent success rate, then the shorter its shortest success. As in the source, what
counts is filtered: a task by the vote of its episodes in a round, and a success by its length, because one that took
far more than the kind's shortest was luck.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

from knowhow.environments.curricula import Ask, Choice, Fresh, Outcome, Progress, Rate, kinds, recent_rates
from knowhow.environments.discover import at_least, between
from knowhow.environments.types import Suite, Task


@dataclass(frozen=True)
class EasyToHard:
    """``mastered``: the recent success rate from which a kind counts so. ``width``: how many kinds are practised at a
    time. ``rehearsal``: the share of a round for mastered ones. ``longest``: how many times a kind's shortest success
    one may take."""

    tasks: Sequence[Task]
    suite: Suite
    ask: Ask
    mastered: float = 0.8
    width: int = 2
    rehearsal: float = 0.25
    longest: float = 3.0
    labels = True

    def __post_init__(self) -> None:
        between(0, 1, mastered=self.mastered, rehearsal=self.rehearsal)
        at_least(1, width=self.width)
        between(1, 1000, longest=self.longest)

    async def next(self, count: int, progress: Progress) -> Choice:
        rates = recent_rates([filtered(round, self.longest) for round in progress.rounds])
        fresh = Fresh(self.tasks, progress.outcomes)
        if not any(rate.good for rate in rates.values()):
            return Choice(tuple(fresh.take() for _ in range(count)))
        ladder = self._ladder(rates, progress.outcomes)
        done = [kind for kind in ladder if rates.get(kind, Rate()).chance >= self.mastered]
        open_ones = [kind for kind in ladder if kind not in done][: self.width]
        old = (round(self.rehearsal * count) if open_ones else count) if done else 0
        practised = [*islice(cycle(open_ones), count - old), *islice(cycle(done), old)]
        return Choice(tuple(fresh.take(kind) for kind in practised), {"mastered": done, "practised": open_ones})

    def _ladder(self, rates: Mapping[str, Rate], outcomes: Sequence[Outcome]) -> list[str]:
        """All kinds, the easiest first; those that were never tried last."""
        shortest = _shortest(outcomes)
        unknown = Rate(weight=1000.0)

        def hardness(kind: str) -> tuple[float, float]:
            return -rates.get(kind, unknown).chance, shortest.get(kind, float("inf"))

        return sorted(kinds(self.tasks), key=hardness)


def filtered(outcomes: Sequence[Outcome], longest: float) -> list[Outcome]:
    """The outcomes of a round with only those successes left that most episodes of the task agree with, and that are
    not over ``longest`` times as long as the kind's shortest."""
    shortest, votes = _shortest(outcomes), defaultdict[str, list[bool]](list)
    for outcome in outcomes:
        votes[outcome.task.id].append(outcome.success)

    def counts(one: Outcome) -> bool:
        agreed = 2 * sum(votes[one.task.id]) > len(votes[one.task.id])
        return one.success and agreed and one.actions <= longest * shortest[one.task.kind]

    return [one if counts(one) else replace(one, reward=0.0) for one in outcomes]


def _shortest(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """The actions of each kind's shortest success."""
    found: dict[str, int] = {}
    for one in outcomes:
        if one.success:
            found[one.task.kind] = min(one.actions, found.get(one.task.kind, one.actions))
    return found
