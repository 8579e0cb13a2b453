"""Diversity: maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knowhow.agents.types import Decider, Query
from knowhow.environments.discover import at_least
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite
from knowhow.memory.choosing.relevance import relevance
from knowhow.memory.store import Memory
from knowhow.memory.types import Scored


@dataclass
class Diversity:
    """Items in an order in which each is relevant and unlike those before it.

    ``weight``, in [0, 1], is that of relevance: 1 leaves the order as it is. The first ``pool`` items are ordered
    anew, the others follow as they were. ``most`` is how many are recalled; 0 leaves that to the bank and the budget.
    """

    memory: Memory
    ask: Decider
    suite: Suite | None = None
    weight: float = 0.7
    pool: int = 100
    most: int = 0

    def __post_init__(self) -> None:
        at_least(1, pool=self.pool)
        at_least(0, most=self.most)
        if not 0 <= self.weight <= 1:
            raise BadSetting(f"weight={self.weight!r} is no number from 0 to 1")

    def __call__(self, query: Query, ranked: Sequence[Scored]) -> Sequence[Scored]:
        pool = ranked[: self.pool]
        ordered = [*(pool[at] for at in self._order(pool)), *ranked[self.pool :]]
        return ordered[: self.most or None]

    def _order(self, pool: Sequence[Scored]) -> list[int]:
        if not pool:
            return []
        vectors = self.memory.embed([one.item.text for one in pool])
        suits, likest = self.weight * relevance(pool), np.zeros(len(pool))
        left, order = np.ones(len(pool), bool), list[int]()
        for _ in pool:
            value = suits - (1 - self.weight) * likest
            at = int(np.where(left, value, -np.inf).argmax())
            left[at] = False
            order.append(at)
            likest = np.maximum(likest, vectors @ vectors[at])
        return order
