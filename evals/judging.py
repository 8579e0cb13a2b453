"""How far the verdicts of a judge can be believed: agreement with what is known, and what sways it.

A judge that follows the place of an attempt, or that prefers its own (self-preference, arXiv 2404.13076), is found by
asking for each pair in both orders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from knowhow.evals.stats import wilson

_DRAWS = 4000


@dataclass(frozen=True, slots=True)
class Cells:
    """Episodes by what is known of them, and by what the judge says: ``right_no`` succeeded, and the judge says no."""

    right_yes: int = 0
    right_no: int = 0
    wrong_yes: int = 0
    wrong_no: int = 0

    @classmethod
    def of(cls, said: Sequence[bool], right: Sequence[bool]) -> Cells:
        """Raises: ValueError where they are not equally many."""
        counted = Counter(zip(right, said, strict=True))
        return cls(*(counted[cell] for cell in ((True, True), (True, False), (False, True), (False, False))))

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return self.right_yes, self.right_no, self.wrong_yes, self.wrong_no


def kappa(cells: Cells) -> float | None:
    """Agreement beyond chance, at most 1 (Cohen 1960); None where one word alone was known and said."""
    found = float(_kappa(np.array([cells.counts], float))[0]) if sum(cells.counts) else float("nan")
    return None if np.isnan(found) else found


def kappa_interval(cells: Cells, level: float = 0.95) -> tuple[float, float]:
    """The equal-tailed interval of the posterior of kappa, with Jeffreys' prior on the four cells: it is never of no
    width, however few the episodes. The same for the same numbers."""
    drawn = np.random.default_rng(0).dirichlet([count + 0.5 for count in cells.counts], _DRAWS)
    low, high = np.quantile(_kappa(drawn), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def agreement(cells: Cells) -> dict[str, Any]:
    """Accuracy and kappa with their 95% intervals, and what they can tell. At least one episode."""
    n, same = sum(cells.counts), cells.right_yes + cells.wrong_no
    found = {
        "episodes": n,
        "success_rate": (cells.right_yes + cells.right_no) / n,
        "said_achieved": (cells.right_yes + cells.wrong_yes) / n,
        "accuracy": same / n,
        "accuracy_ci95": wilson(same, n),
        "kappa": kappa(cells),
        "kappa_ci95": kappa_interval(cells),
        "confusion": {name: getattr(cells, name) for name in Cells.__slots__},
    }
    return {**found, "says": _agreeing(found)}


@dataclass(frozen=True, slots=True)
class Orders:
    """Pairs by what the judge took in both orders: the ``one`` both times, the ``other`` both times, or twice what
    stood ``first`` or ``second``; ``undecided`` where it did not choose."""

    one: int = 0
    other: int = 0
    first: int = 0
    second: int = 0
    undecided: int = 0

    @classmethod
    def of(cls, chosen: Sequence[tuple[int | None, int | None]]) -> Orders:
        """``chosen``: the place taken (0, 1, or None) with the one first, and with the other first."""
        names = {(0, 1): "one", (1, 0): "other", (0, 0): "first", (1, 1): "second"}
        return cls(**Counter(names.get(places, "undecided") for places in chosen))  # type: ignore[arg-type]

    @property
    def decided(self) -> int:
        return self.one + self.other + self.first + self.second


def position(orders: Orders) -> dict[str, Any]:
    """Of pairs of a right ``one`` and a wrong ``other``: how often the verdict follows the place, with its 95%
    interval."""
    followed = orders.first + orders.second
    low, high = wilson(orders.first, followed)
    return {
        "pairs": orders.decided + orders.undecided,
        **_named(orders, one="right", other="wrong"),
        "follows_place": followed / orders.decided if orders.decided else None,
        "follows_place_ci95": wilson(followed, orders.decided),
        "right_twice": orders.one / orders.decided if orders.decided else None,
        "right_twice_ci95": wilson(orders.one, orders.decided),
        "says": "it prefers the first"
        if low > 0.5
        else "it prefers the second"
        if high < 0.5
        else "cannot tell a side",
    }


def preference(orders: Orders) -> dict[str, Any]:
    """Of pairs of equal outcome, the ``one`` the judge's own: how often it prefers its own among those where the place
    did not decide, with its 95% interval; 0.5 is fair."""
    settled = orders.one + orders.other
    low, high = wilson(orders.one, settled)
    return {
        "pairs": orders.decided + orders.undecided,
        **_named(orders, one="own", other="others"),
        "prefers_own": orders.one / settled if settled else None,
        "prefers_own_ci95": (low, high),
        "says": "it prefers its own" if low > 0.5 else "it prefers the others'" if high < 0.5 else _unsure(settled),
    }


def _unsure(settled: int) -> str:
    return f"cannot tell: with {settled} pairs it may be fair"


def _named(orders: Orders, one: str, other: str) -> dict[str, int]:
    names = {"one": one, "other": other}
    return {names.get(name, name): getattr(orders, name) for name in Orders.__slots__}


def _agreeing(found: dict[str, Any]) -> str:
    low, high = found["kappa_ci95"]
    if found["success_rate"] in (0, 1):
        return f"cannot tell: all {found['episodes']} episodes ended alike"
    if low > 0:
        return "it agrees with what is known, more than by chance"
    return "it contradicts what is known" if high < 0 else f"cannot tell from chance with {found['episodes']} episodes"


def _kappa(cells: Any) -> Any:
    """Of rows of four cells, in the order of ``Cells``; NaN where chance alone agrees wholly."""
    shares = cells / cells.sum(axis=1, keepdims=True)
    right_yes, right_no, wrong_yes, wrong_no = shares.T
    right, yes = right_yes + right_no, right_yes + wrong_yes
    chance = right * yes + (1 - right) * (1 - yes)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1, (right_yes + wrong_no - chance) / (1 - chance), np.nan)
