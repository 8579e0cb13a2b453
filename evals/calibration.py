"""How well a confidence fits what happened: calibration (ECE, Brier), ranking (AUROC), selection (AUACC).

Everything takes ``sure``, confidences in [0, 1], and ``right``, whether each was right; equally many, at least one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from knowhow.evals.stats import wilson

Floats = np.ndarray[Any, np.dtype[np.float64]]
Figure = Callable[[Any, Any], float]
"""Of confidences and outcomes."""
_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Bin:
    """A row of a reliability table: ``n`` confidences from ``low`` to ``high``, their mean, and how many were right."""

    low: float
    high: float
    n: int
    sure: float
    right: int

    @property
    def accuracy(self) -> float:
        return self.right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Of the accuracy, 95% (Wilson)."""
        return wilson(self.right, self.n)


def reliability(sure: Sequence[float], right: Sequence[bool], bins: int = 10, *, equal_mass: bool = False) -> list[Bin]:
    """The bins that hold anything: of equal width, or with ``equal_mass`` of about equally many; equal confidences stay
    together."""
    values, hits = _arrays(sure, right)
    edges = _edges(values, bins, equal_mass)
    places = _places(values, edges)
    return [_bin(edges, place, values[places == place], hits[places == place]) for place in np.unique(places)]


def ece(sure: Sequence[float], right: Sequence[bool], bins: int = 10, *, equal_mass: bool = False) -> float:
    """Expected calibration error: the mean distance of confidence and accuracy over bins (Guo et al., arXiv
    1706.04599). It is above 0 by chance alone in small samples; see ``calibrated``."""
    values, hits = _arrays(sure, right)
    return _ece(values, hits, _edges(values, bins, equal_mass))


def calibrated(sure: Sequence[float], bins: int = 10, *, equal_mass: bool = False) -> float:
    """The ECE that only one in twenty samples of this size would pass if each confidence were the true probability
    (consistency resampling, Broecker and Smith 2007)."""
    values = np.asarray(sure, float)
    edges = _edges(values, bins, equal_mass)
    hits = np.random.default_rng(0).random((_RESAMPLES, len(values))) < values
    apart = (values - hits) @ (_places(values, edges)[:, None] == np.arange(len(edges) - 1))
    return float(np.quantile(np.abs(apart).sum(axis=1) / len(values), 0.95))


def ece_interval(sure: Sequence[float], right: Sequence[bool], bins: int = 10) -> tuple[float, float]:
    """About 95%, of the ECE with bins of equal width, from 0 on where chance explains it all.

    Resampling adds to the error once more what chance had added, so that the resampled ones are mirrored at the one
    found. It holds the truth about nine times in ten from 50 episodes on, less often with 20
    (``evals/benches/calibration.py``); the plain percentiles never do for a calibrated source.
    """
    found = ece(sure, right, bins)
    low, high = _quantiles(partial(ece, bins=bins), *_arrays(sure, right))
    return 0.0 if found <= calibrated(sure, bins) else max(0.0, 2 * found - high), min(1.0, max(found, 2 * found - low))


def brier(sure: Sequence[float], right: Sequence[bool]) -> float:
    """The mean squared distance of confidence and outcome (Brier 1950)."""
    values, hits = _arrays(sure, right)
    return float(np.mean((values - hits) ** 2))


def auroc(sure: Sequence[float], right: Sequence[bool]) -> float | None:
    """How often a right one has more confidence than a wrong one, ties counting half; None without both sorts."""
    good, bad = _sorts(sure, right)
    return float(np.mean(_placements(good, bad))) if len(good) and len(bad) else None


def auroc_interval(sure: Sequence[float], right: Sequence[bool], level: float = 0.95) -> tuple[float, float]:
    """DeLong's variance (DeLong et al. 1988) on the logit scale; (0, 1) without both sorts.

    Where no two are in another order that variance is 0. Then as many pairs as there are of the rarer sort are
    independent and all alike, so that Wilson's interval of these holds.
    """
    good, bad = _sorts(sure, right)
    fewer = min(len(good), len(bad))
    if not fewer:
        return 0.0, 1.0
    above, below = _placements(good, bad), 1 - _placements(bad, good)
    area = float(np.mean(above))
    spread = float(_variance(above) / len(good) + _variance(below) / len(bad))
    if not 0 < area < 1 or spread == 0:
        return wilson(round(area * fewer), fewer, level)
    half = NormalDist().inv_cdf(0.5 + level / 2) * sqrt(spread) / (area * (1 - area))
    middle = log(area / (1 - area))
    return _expit(middle - half), _expit(middle + half)


def accuracy_by_coverage(sure: Sequence[float], right: Sequence[bool]) -> Floats:
    """The accuracy among the most confident 1, 2, ... n; of equal confidences the order is taken as random."""
    values, hits = _arrays(sure, right)
    _, groups, sizes = np.unique(-values, return_inverse=True, return_counts=True)
    means = np.bincount(groups, hits) / sizes
    return np.asarray(np.cumsum(np.repeat(means, sizes)) / np.arange(1, len(values) + 1))


def auacc(sure: Sequence[float], right: Sequence[bool]) -> float:
    """The area under accuracy over coverage, which selective prediction is told by (ASPIRE, arXiv 2310.11689).

    A confidence that says nothing gives the accuracy; ``best_auacc`` is the most there can be.
    """
    return float(np.mean(accuracy_by_coverage(sure, right)))


def best_auacc(right: Sequence[bool]) -> float:
    """The area where every right one has more confidence than every wrong one."""
    return auacc([float(hit) for hit in right], right)


def accuracy_at(sure: Sequence[float], right: Sequence[bool], coverage: float) -> float:
    """The accuracy among this share of the most confident, (0, 1], at least one of them."""
    curve = accuracy_by_coverage(sure, right)
    return float(curve[max(1, round(coverage * len(curve))) - 1])


def bootstrap(figure: Figure, sure: Sequence[float], right: Sequence[bool]) -> tuple[float, float]:
    """The 95% percentile interval of a figure over resampled episodes (Efron 1979), the same for the same numbers.

    A right and a wrong episode of mean confidence are added to those that are drawn from: without them the interval
    would have no width where all ended alike.
    """
    values, hits = _arrays(sure, right)
    values, hits = np.append(values, [np.mean(values)] * 2), np.append(hits, [1, 0])
    return _quantiles(figure, values, hits)


def _quantiles(figure: Figure, values: Floats, hits: Floats) -> tuple[float, float]:
    source, n = np.random.default_rng(0), len(values)
    drawn = (source.integers(n, size=n) for _ in range(_RESAMPLES))
    low, high = np.quantile([figure(values[some], hits[some]) for some in drawn], [0.025, 0.975])
    return float(low), float(high)


def _arrays(sure: Sequence[float], right: Sequence[bool]) -> tuple[Floats, Floats]:
    """Raises: ValueError for none, unequally many, or a confidence outside of [0, 1]."""
    values, hits = np.asarray(sure, float), np.asarray(right, float)
    if not len(values) or len(values) != len(hits):
        raise ValueError(f"{len(values)} confidences and {len(hits)} outcomes are not equally many, or none")
    if not np.all((values >= 0) & (values <= 1)):
        raise ValueError("a confidence is not in [0, 1]")
    return values, hits


def _edges(values: Floats, bins: int, equal_mass: bool) -> Floats:
    if bins < 1:
        raise ValueError(f"bins={bins} must be at least 1")
    if not equal_mass:
        return np.linspace(0, 1, bins + 1)
    inner = np.quantile(values, np.arange(1, bins) / bins, method="higher") if bins > 1 else np.array([])
    return np.concatenate([[0.0], np.unique(inner[(inner > 0) & (inner < 1)]), [1.0]])


def _bin(edges: Floats, place: int, values: Floats, hits: Floats) -> Bin:
    low, high = float(edges[place]), float(edges[place + 1])
    return Bin(low, high, len(values), float(np.mean(values)), int(np.sum(hits)))


def _places(values: Floats, edges: Floats) -> Any:
    """The number of each value's bin; a bin holds its lower edge, the last one both."""
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)


def _ece(values: Floats, hits: Floats, edges: Floats) -> float:
    return float(np.sum(np.abs(np.bincount(_places(values, edges), values - hits))) / len(values))


def _sorts(sure: Sequence[float], right: Sequence[bool]) -> tuple[Floats, Floats]:
    """The confidences of the right ones, and of the wrong ones."""
    values, hits = _arrays(sure, right)
    return values[hits == 1], values[hits == 0]


def _placements(ones: Floats, others: Floats) -> Floats:
    """For each of ``ones`` the share of ``others`` below it, equal ones counting half."""
    ordered = np.sort(others)
    below, upto = np.searchsorted(ordered, ones, "left"), np.searchsorted(ordered, ones, "right")
    return np.asarray((below + upto) / 2 / len(others))


def _variance(values: Floats) -> float:
    return float(np.var(values, ddof=1)) if len(values) > 1 else 0.25


def _expit(value: float) -> float:
    return 1 / (1 + exp(-value))
