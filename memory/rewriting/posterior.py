"""Rates of success as Beta posteriors over a uniform prior, and how sure one is of them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_POINTS = 2000
_RATES = (np.arange(_POINTS) + 0.5) / _POINTS


def surely_below(rate: tuple[float, float], other: tuple[float, float]) -> float:
    """The probability that a rate is below another one; each is given by its (wins, losses)."""
    below = np.cumsum(_density(*rate))
    return float(_density(*other) @ (below - _density(*rate) / 2))


def surely_under(rate: tuple[float, float], bar: float) -> float:
    """The probability that a rate, given by its (wins, losses), is below ``bar`` in [0, 1]."""
    return float(_density(*rate)[bar > _RATES].sum())


@lru_cache(maxsize=1024)
def _density(wins: float, losses: float) -> NDArray[np.float64]:
    """Beta(1 + wins, 1 + losses) at the points, summing up to one."""
    logs = wins * np.log(_RATES) + losses * np.log1p(-_RATES)
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum(), np.float64)
