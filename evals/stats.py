"""Statistics of success rates."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, sqrt
from statistics import NormalDist

import numpy as np

_RESAMPLES = 4000


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a success rate (Wilson 1927), within [0, 1]; (0, 1) where ``n`` is 0."""
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + level / 2)
    rate = successes / n
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


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
    """The mean of ``ones`` less that of ``others``, paired by place, and its interval: [difference, low, high].

    A percentile bootstrap over the pairs (Efron 1979), the same for the same numbers. Raises: ValueError where they
    are not equally many, or none.
    """
    apart = np.array([one - other for one, other in zip(ones, others, strict=True)])
    if not len(apart):
        raise ValueError("there is no pair to compare")
    drawn = np.random.default_rng(0).integers(len(apart), size=(_RESAMPLES, len(apart)))
    low, high = np.quantile(apart[drawn].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return [round(float(value), 4) for value in (apart.mean(), low, high)]
