"""Adaptive-k: how many items to recall is read off their similarities, in one pass (arXiv 2506.08479)."""

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
class AdaptiveK:
    """The items before the largest gap between one similarity and the next, and ``more`` behind it.

    ``tail`` is the part, in [0, 1), of the least similar ones among which no gap is looked for; ``more`` and ``tail``
    are 5 and 0.1 in the paper. Where all are equally similar, all are recalled.
    """

    memory: Memory
    ask: Decider
    suite: Suite | None = None
    more: int = 5
    tail: float = 0.1

    def __post_init__(self) -> None:
        at_least(0, more=self.more)
        if not 0 <= self.tail < 1:
            raise BadSetting(f"tail={self.tail!r} is no part of the items; give a number from 0 to below 1")

    def __call__(self, query: Query, ranked: Sequence[Scored]) -> Sequence[Scored]:
        gaps = -np.diff(relevance(ranked))
        looked_at = gaps[: max(1, len(gaps) - int(len(gaps) * self.tail))]
        if not looked_at.any():
            return ranked
        return ranked[: int(looked_at.argmax()) + 1 + self.more]
