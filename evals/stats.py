"""Statistics of success rates: intervals, tests, and how much it takes to tell."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from math import ceil, comb, hypot, sqrt
from operator import add
from statistics import NormalDist

import numpy as np

_RESAMPLES = 4000
_AT_ONCE = 4_000_000
"""Numbers drawn at a time, so that many pairs do not fill the memory."""


def wilson(successes: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a success rate (Wilson 1927), within [0, 1]; (0, 1) where ``n`` is 0."""
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + level / 2)
    rate = successes / n
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Tried:
    """Attempts at tasks, in sums over the tasks: how many ``tasks``, attempts ``n`` and successes ``won``, the squares
    ``n_n`` and ``won_won`` of these of each task, and their product ``won_n``. Of other tasks, they add up."""

    tasks: int = 0
    n: int = 0
    won: int = 0
    n_n: int = 0
    won_won: int = 0
    won_n: int = 0

    @classmethod
    def once(cls, won: int, n: int) -> Tried:
        """One attempt at each of ``n`` tasks."""
        return cls(n, n, won, n, won, won)

    def __add__(self, other: Tried) -> Tried:
        return Tried(*map(add, astuple(self), astuple(other)))

    def worth(self, level: float = 0.95) -> float:
        """Of how many independent attempts these tell as much: their number over the design effect, which is how far
        the tasks differ beyond chance, and less where the tasks are few (Kish 1965; Korn and Graubard 1998). Where all
        attempts of all tasks ended alike, only the tasks count."""
        if self.n == self.tasks:
            return self.n
        from scipy.stats import t

        rate, tasks, n = self.won / self.n, self.tasks, self.n
        apart = self.won_won - 2 * rate * self.won_n + rate * rate * self.n_n
        chance = n * rate * (1 - rate)
        effect = max(1.0, apart * tasks / (tasks - 1) / chance) if chance and tasks > 1 else n / tasks
        few = t.ppf(0.5 + level / 2, tasks - 1) / t.ppf(0.5 + level / 2, n - 1) if tasks > 1 else 1.0
        return float(n / effect / few**2)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Wilson's, by what the attempts are worth. Where each task has one attempt, it is Wilson's own."""
        worth = self.worth(level)
        return wilson(self.won / self.n * worth if self.n else 0, worth, level)


def tried(outcomes: Iterable[tuple[Hashable, bool]]) -> Tried:
    """From each attempt's task and whether it succeeded."""
    of_task: dict[Hashable, list[bool]] = {}
    for task, won in outcomes:
        of_task.setdefault(task, []).append(won)
    each = [(len(one), sum(one)) for one in of_task.values()]
    return Tried(
        len(each),
        sum(n for n, _ in each),
        sum(won for _, won in each),
        sum(n * n for n, _ in each),
        sum(won * won for _, won in each),
        sum(won * n for n, won in each),
    )


def difference(a: tuple[int, int], b: tuple[int, int], level: float = 0.95) -> tuple[float, float]:
    """The interval of rate ``a`` less rate ``b``, each (successes, n), within [-1, 1] (Newcombe 1998, method 10).

    It takes the two samples as independent, which is cautious where both are of the same tasks.
    """
    if not a[1] or not b[1]:
        return -1.0, 1.0
    one, other = a[0] / a[1], b[0] / b[1]
    (low, high), (floor, ceiling) = wilson(*a, level), wilson(*b, level)
    below, above = hypot(one - low, ceiling - other), hypot(high - one, other - floor)
    return one - other - below, one - other + above


def paired(ones: Sequence[float], others: Sequence[float], level: float = 0.95) -> list[float]:
    """The mean of ``ones`` less that of ``others``, rewards in [0, 1] paired by place, and its interval: [difference,
    low, high].

    A percentile bootstrap over the pairs (Efron 1979), the same for the same numbers. Two pairs are added to those that
    are drawn from, one for each side, as Agresti and Min (2005) add to the table: without them the interval of pairs
    that are all alike has no width, and holds the truth much less often than it says (``evals/benches/statistics.py``).
    Raises: ValueError where they are not equally many, or none.
    """
    apart = np.array([one - other for one, other in zip(ones, others, strict=True)])
    if not len(apart):
        raise ValueError("there is no pair to compare")
    far = float(np.abs(apart).max()) or 1.0
    pool = np.append(apart, [far, -far])
    rng, draws = np.random.default_rng(0), max(1, _AT_ONCE // len(pool))
    chunks = [rng.integers(len(pool), size=(draws, len(pool))) for _ in range(-(-_RESAMPLES // draws))]
    means = np.concatenate([pool[drawn].mean(axis=1) for drawn in chunks])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return [round(float(value), 4) for value in (apart.mean(), low, high)]


def over_runs(differences: Sequence[float], level: float = 0.95) -> list[float]:
    """The mean of what independent runs (seeds) came to, each in [-1, 1], and its interval by Student's t: [mean, low,
    high].

    What was learned differs from run to run, so that this, and not the pairs of one run, tells of a method that would
    be run again. One run tells nothing. Raises: ValueError where there is none.
    """
    from scipy.stats import t

    if not differences:
        raise ValueError("there is no run to tell of")
    mean, n = float(np.mean(differences)), len(differences)
    if n == 1:
        return [round(mean, 4), -1.0, 1.0]
    half = float(t.ppf(0.5 + level / 2, n - 1) * np.std(differences, ddof=1) / sqrt(n))
    return [round(value, 4) for value in (mean, max(-1.0, mean - half), min(1.0, mean + half))]


def mcnemar(gained: int, lost: int) -> float:
    """The two-sided exact p-value of that many pairs won by one side alone and by the other alone (McNemar 1947)."""
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost, 0.5).pvalue) if gained + lost else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for being several, so that one error among all of them is as rare as asked (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, worst = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = worst
    return adjusted


def pass_at(k: int, n: int, wins: int) -> float:
    """pass@k: how likely one of ``k`` attempts wins, from ``wins`` of ``n`` (Chen et al., arXiv 2107.03374)."""
    return 1 - pass_all(k, n, n - wins)


def pass_all(k: int, n: int, wins: int) -> float:
    """pass^k: how likely all of ``k`` attempts win, from ``wins`` of ``n`` (tau-bench, arXiv 2406.12045)."""
    return comb(wins, k) / comb(n, k)


def needed(points: float, discordant: float = 0.3, power: float = 0.8, level: float = 0.95) -> int:
    """How many pairs it takes to see a difference of ``points`` (0.1: ten points) with that power, where so large a
    share of the pairs is won by one side alone (Connett, Smith and McHugh 1987)."""
    points = abs(points)
    if not points:
        raise ValueError("a difference of 0 points cannot be seen")
    discordant = max(discordant, points)
    alpha, beta = NormalDist().inv_cdf(0.5 + level / 2), NormalDist().inv_cdf(power)
    return ceil(((alpha * sqrt(discordant) + beta * sqrt(discordant - points * points)) / points) ** 2)


def visible(pairs: int, discordant: float = 0.3, power: float = 0.8, level: float = 0.95) -> float:
    """The smallest difference, in steps of a tenth of a point, that so many pairs show; 1 where they show none."""
    return next((n / 1000 for n in range(1, 1000) if needed(n / 1000, discordant, power, level) <= pairs), 1.0)


def area(curve: Sequence[tuple[float, float]]) -> float:
    """The mean height of a learning curve of (episodes, success) points, by the trapezoid rule; points by episodes."""
    (start, first), (end, _) = curve[0], curve[-1]
    if start == end:
        return first
    parts = ((x - before) * (y + was) / 2 for (before, was), (x, y) in pairwise(curve))
    return sum(parts) / (end - start)


def episodes_to(threshold: float, curve: Sequence[tuple[float, float]]) -> float | None:
    """After how many episodes the curve is first at the threshold or above it; None: never."""
    return next((episodes for episodes, success in curve if success >= threshold), None)
