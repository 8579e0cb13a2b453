"""What a lesson is worth: the difference in reward with and without it, with an interval that may be looked at all the
time.

Evidence comes from episodes that went without an item by chance (``memory/withhold.py``), in two forms. A *pair* is two
episodes of one task and seed, the item shown in one and withheld in the other: its score is the difference of their
rewards. A single *episode* gives the augmented inverse-probability score of a randomised trial: the reward, less what
is usual for its task kind, over the probability of how the item was dealt with. Both scores have the item's effect as
their mean. Every episode counts once, so that task kinds weigh as often as the agent meets them; weighing them by
precision would answer another question, and favour kinds that are always or never solved.

The interval is a confidence sequence: with probability 95% it holds at *every* look, for any stopping rule. For scores
x in [-1, 1] and 0 <= l < 1, exp(l (x - E x) + (log(1 - l) + l) x^2) has an expectation of at most 1 (Fan et al. 2015,
arXiv 1311.6273, lemma 4.1), so that its running product, averaged over several l, is a non-negative supermartingale and
seldom gets large (Ville; Howard et al., arXiv 1810.08240). It covers the mean effect over the evidence so far, nothing
is asymptotic, and three sums are all there is to keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import exp, log, log1p, sqrt

from knowhow.environments.types import StopReason, Trajectory

LEVEL = 0.95
_BETS = (0.03, 0.06, 0.12, 0.24, 0.48, 0.96)
"""The l of the mixture: small ones suit much evidence, large ones little."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Sums over scores: ``weight`` in pairs' worth, ``total`` of the weighted scores, ``spread`` of their squares."""

    weight: float = 0.0
    total: float = 0.0
    spread: float = 0.0

    @classmethod
    def of(cls, effect: Mapping[str, float] | None) -> Evidence:
        """What an item's ``effect`` was made of."""
        sums = effect or {}
        return cls(*(sums.get(name, 0.0) for name in ("weight", "total", "spread")))

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(self.weight + other.weight, self.total + other.total, self.spread + other.spread)

    @property
    def mean(self) -> float:
        """The estimated effect, in [-1, 1] of reward; 0 where there is no evidence."""
        return _clipped(self.total / self.weight) if self.weight else 0.0

    @property
    def error(self) -> float:
        """Its standard error where the effect is small; 1 where there is no evidence."""
        return sqrt(self.spread) / self.weight if self.weight else 1.0

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Low and high end, in [-1, 1], of the confidence sequence at ``level``."""
        if not self.weight:
            return -1.0, 1.0
        width = _boundary(self.spread, level) / self.weight
        centre = self.total / self.weight
        return _clipped(centre - width), _clipped(centre + width)

    def to_effect(self) -> dict[str, float]:
        """The form in which an ``Item`` keeps it."""
        low, high = self.interval()
        sums = {"weight": self.weight, "total": self.total, "spread": self.spread}
        return {name: round(value, 6) for name, value in {"mean": self.mean, "low": low, "high": high, **sums}.items()}


@dataclass
class Usual:
    """The usual reward of each task kind, from the episodes told so far; 0.5 to begin with."""

    sums: dict[str, tuple[int, float]] = field(default_factory=dict)

    def reward(self, kind: str) -> float:
        count, total = self.sums.get(kind, (0, 0.0))
        return (total + 0.5) / (count + 1)

    def tell(self, kind: str, reward: float | None) -> None:
        if reward is not None:
            count, total = self.sums.get(kind, (0, 0.0))
            self.sums[kind] = (count + 1, total + reward)


def of_episodes(episodes: Iterable[Trajectory], rate: float, usual: Usual) -> dict[str, Evidence]:
    """The evidence by item of single episodes that went without each item with probability ``rate``.

    ``usual`` is what is known before them, and learns of each after it was scored.
    """
    found: dict[str, Evidence] = {}
    weight = min(rate, 1 - rate)
    for episode in filter(counts, episodes):
        if weight and episode.reward is not None:
            surprise = weight * (episode.reward - usual.reward(episode.task.kind))
            _put(found, episode.shown, weight, surprise / (1 - rate))
            _put(found, episode.withheld, weight, -surprise / rate)
        usual.tell(episode.task.kind, episode.reward)
    return found


def of_pairs(pairs: Iterable[tuple[Trajectory, Trajectory]]) -> dict[str, Evidence]:
    """The evidence by item of pairs of episodes; an item that both showed has none."""
    found: dict[str, Evidence] = {}
    for one, other in pairs:
        if one.reward is None or other.reward is None or not (counts(one) and counts(other)):
            continue
        _put(found, {*one.shown} & {*other.withheld}, 1.0, one.reward - other.reward)
        _put(found, {*other.shown} & {*one.withheld}, 1.0, other.reward - one.reward)
    return found


def counts(episode: Trajectory) -> bool:
    """Whether its reward says something about the agent: it was neither cut off nor broken, and may be seen."""
    return episode.reward is not None and episode.stop not in (StopReason.BUDGET, StopReason.ERROR)


def _clipped(effect: float) -> float:
    return max(-1.0, min(1.0, effect))


def _put(found: dict[str, Evidence], items: Iterable[str], weight: float, score: float) -> None:
    for item in items:
        found[item] = found.get(item, Evidence()) + Evidence(weight, score, score * score)


def _boundary(spread: float, level: float) -> float:
    """How far the sum of scores strays from its mean, at any time, with probability 1 - ``level`` at most."""
    return _solved(round(spread, 6), log(2 / (1 - level)))


@lru_cache(maxsize=4096)
def _solved(spread: float, limit: float) -> float:
    low, high = 0.0, 16 + 8 * sqrt(spread) + spread
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _log_wealth(middle, spread) < limit else (low, middle)
    return high


def _log_wealth(strayed: float, spread: float) -> float:
    logs = [bet * strayed + (log1p(-bet) + bet) * spread for bet in _BETS]
    top = max(logs)
    return top + log(sum(exp(one - top) for one in logs) / len(logs))
