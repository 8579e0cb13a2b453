"""What a lesson is worth: the difference in reward with and without it, with an interval that may be looked at all the
time.

Evidence comes from episodes that went without an item by chance (``memory/proof/withhold.py``), in two forms. A *pair*
is two episodes of one task and seed, the item shown in one and withheld in the other: its score is the difference of
their rewards. A single *episode* gives the augmented inverse-probability score of a randomised trial: the reward, less
what is usual for its task kind, over the probability of how the item was dealt with. From both goes what the *other*
items that were dealt with by chance are predicted to do (``memory/proof/predict.py``): the prediction was there before
the episode, and how the item itself was dealt with is independent of how the others were, so that the score keeps the
item's effect as its mean and loses what the others did. Every episode counts once, so that task kinds weigh as often as
the agent meets them; weighing them by precision would answer another question.

The interval is a confidence sequence: with probability 95% it holds at *every* look, for any stopping rule. For
0 <= l < 1 and x >= -1, exp(l x + (log(1 - l) + l) x^2) <= 1 + l x (Fan et al. 2015, arXiv 1311.6273, lemma 4.1). With
x a score over ``REACH``, which no score exceeds, the left side over exp(l E x) has an expectation of at most 1 given
the past; so its running product, averaged over several l, is a non-negative supermartingale and seldom gets large
(Ville; Howard et al., arXiv 1810.08240). The other end follows with -x. It covers the mean effect over the evidence so
far, nothing is asymptotic, and three sums are all there is to keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import exp, log, log1p, sqrt
from typing import Protocol

from knowhow.environments.types import StopReason, Trajectory
from knowhow.memory.proof.predict import MOST, Predictions, sides

LEVEL = 0.95
REACH = 1 + MOST
"""No score is larger: a difference of rewards, less a prediction."""
_BETS = {0.03: 0.05, 0.06: 0.1, 0.12: 0.15, 0.24: 0.25, 0.48: 0.3, 0.96: 0.15}
"""The l of the mixture, with their parts in it: small ones suit much evidence, large ones little."""


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

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Low and high end, in [-1, 1], of the confidence sequence at ``level``."""
        if not self.weight:
            return -1.0, 1.0
        width = _boundary(self.spread, level) / self.weight
        centre = self.total / self.weight
        return _clipped(centre - width), _clipped(centre + width)

    def log_wealth(self, worth: float) -> float:
        """The log of a non-negative supermartingale, 1 at the start, wherever the effect is at least ``worth``: with
        probability 1/w at most it ever gets to w."""
        strayed = worth * self.weight - self.total
        return _log_wealth(strayed, self.spread)

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


def of_episodes(
    episodes: Iterable[Trajectory], rate: float, usual: Usual, known: Predictions | None = None
) -> dict[str, Evidence]:
    """The evidence by item of single episodes that went without each item with probability ``rate``.

    ``usual`` is what is known before them, and learns of each after it was scored; ``known`` what items are predicted
    to do.
    """
    found: dict[str, Evidence] = {}
    weight = min(rate, 1 - rate)
    for episode in filter(counts, episodes):
        if weight and episode.reward is not None:
            kind = episode.task.kind
            effects = known.effects(kind) if known else {}
            expected = usual.reward(kind) - sum(effects.get(id, 0.0) for id in episode.withheld)
            for id in episode.shown:
                _put(found, id, weight, weight * (episode.reward - _share(expected)) / (1 - rate))
            for id in episode.withheld:
                without = _share(expected + effects.get(id, 0.0))
                _put(found, id, weight, weight * (without - episode.reward) / rate)
        usual.tell(episode.task.kind, episode.reward)
    return found


def of_pairs(pairs: Iterable[tuple[Trajectory, Trajectory]], known: Predictions | None = None) -> dict[str, Evidence]:
    """The evidence by item of pairs of episodes; an item that both showed has none.

    ``known`` is what items are predicted to do, and learns of each pair after it was scored.
    """
    found: dict[str, Evidence] = {}
    known = known or Predictions()
    for one, other in pairs:
        if one.reward is None or other.reward is None or not (counts(one) and counts(other)):
            continue
        dealt, kind = sides(one, other), one.task.kind
        difference = one.reward - other.reward
        for id, rest in known.rest(kind, dealt).items():
            _put(found, id, 1.0, dealt[id] * (difference - rest))
        known.tell(kind, dealt, difference)
    return found


class Ended(Protocol):
    """What is needed of an episode, or of its summary."""

    @property
    def reward(self) -> float | None: ...
    @property
    def stop(self) -> StopReason: ...


def counts(episode: Ended) -> bool:
    """Whether its reward says something about the agent: it was neither cut off nor broken, and may be seen."""
    return episode.reward is not None and episode.stop not in (StopReason.BUDGET, StopReason.ERROR)


def _clipped(effect: float) -> float:
    return max(-1.0, min(1.0, effect))


def _share(reward: float) -> float:
    return max(0.0, min(1.0, reward))


def _put(found: dict[str, Evidence], item: str, weight: float, score: float) -> None:
    found[item] = found.get(item, Evidence()) + Evidence(weight, score, score * score)


def _boundary(spread: float, level: float) -> float:
    """How far the sum of scores strays from its mean, at any time, with probability 1 - ``level`` at most."""
    return _solved(round(spread, 6), log(2 / (1 - level)))


@lru_cache(maxsize=4096)
def _solved(spread: float, limit: float) -> float:
    low, high = 0.0, 64 + 8 * sqrt(spread) + spread
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _log_wealth(middle, spread) < limit else (low, middle)
    return high


def _log_wealth(strayed: float, spread: float) -> float:
    logs = [log(part) + bet * strayed / REACH + (log1p(-bet) + bet) * spread / REACH**2 for bet, part in _BETS.items()]
    top = max(logs)
    return top + log(sum(exp(one - top) for one in logs))
