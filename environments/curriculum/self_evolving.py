"""Kinds of task as the arms of a bandit that pays what can be learned from them: the mean absolute advantage of their
episodes, followed by TD(0), and drawn by Boltzmann's law (Self-Evolving Curriculum, arXiv 2505.14970).

An advantage is what a reward is above or below the kind's usual one, which is followed at the same ``rate``: a kind
that always fails or always succeeds comes to pay nothing, for a gradient is zero there. Who learns by reflecting learns
from failures too; so what a reward lacks pays besides, which is ours (``failures=0`` is the source's own). Kinds are
drawn systematically: each gets its share of a round, rounded at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import exp
from random import Random
from statistics import fmean

from knowhow.environments.curricula import Ask, Choice, Fresh, Outcome, Progress, kinds
from knowhow.environments.discover import between
from knowhow.environments.types import Suite, Task


@dataclass(frozen=True)
class SelfEvolving:
    """``rate`` in (0, 1] is how fast the past is forgotten; a lower ``temperature`` keeps more to the best kinds.
    ``failures``: what a failure pays besides; 0 where weights alone learn."""

    tasks: Sequence[Task]
    suite: Suite
    ask: Ask
    rate: float = 0.5
    temperature: float = 0.25
    failures: float = 1.0
    labels = True

    def __post_init__(self) -> None:
        between(0.01, 1, rate=self.rate)
        between(0.01, 100, temperature=self.temperature)
        between(0, 100, failures=self.failures)

    async def next(self, count: int, progress: Progress) -> Choice:
        pays = gains(progress.rounds, self.rate, self.failures)
        arms = kinds(self.tasks)
        weights = [exp(pays.get(kind, 0.0) / self.temperature) for kind in arms]
        fresh = Fresh(self.tasks, progress.outcomes)
        drawn = systematic(weights, count, Random(progress.seed))
        return Choice(tuple(fresh.take(arms[arm]) for arm in drawn), {"gains": pays})


def gains(rounds: Sequence[Sequence[Outcome]], rate: float, failures: float = 0.0) -> dict[str, float]:
    """What each kind that was met pays: Q(kind) += rate * (mean of \\|advantage\\| in the round - Q(kind)). What was
    missing of a reward pays ``failures`` times itself besides."""
    pays: dict[str, float] = {}
    usual: dict[str, float] = {}
    for round in rounds:
        for kind, rewards in _by_kind(round).items():
            before = usual.get(kind, 0.5)
            gain = fmean(abs(reward - before) + failures * (1 - reward) for reward in rewards)
            pays[kind] = pays.get(kind, 0.0) + rate * (gain - pays.get(kind, 0.0))
            usual[kind] = before + rate * (fmean(rewards) - before)
    return pays


def systematic(weights: Sequence[float], count: int, random: Random) -> list[int]:
    """``count`` places drawn in proportion to the weights, in random order; each as often as its share, up or down to
    the next whole number."""
    bounds = [bound / sum(weights) * count for bound in accumulate(weights)]
    start = random.random()
    drawn = [next((at for at, bound in enumerate(bounds) if bound > start + n), len(bounds) - 1) for n in range(count)]
    return random.sample(drawn, count)


def _by_kind(outcomes: Sequence[Outcome]) -> Mapping[str, list[float]]:
    found: dict[str, list[float]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.task.kind, []).append(outcome.reward)
    return found
