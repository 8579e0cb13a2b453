"""Recency: what was learned lately counts more, by exponential decay (as in Generative Agents, arXiv 2304.03442)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from knowhow.agents.types import Decider, Query
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite
from knowhow.memory.choosing.relevance import relevance
from knowhow.memory.store import Memory
from knowhow.memory.types import Batch, Op, Scored

_HOUR = 3600.0


@dataclass
class Recency:
    """Items by (1 - ``weight``) of their relevance and ``weight``, in [0, 1], of 2 ** (-age / ``half_life``).

    The age of an item is counted from where it was added to the memory's last batch, in ``unit``: "batches", or
    "hours" between them; the clock plays no part, so that the same memory recalls the same at any time.
    """

    memory: Memory
    ask: Decider
    suite: Suite | None = None
    half_life: float = 5.0
    weight: float = 0.3
    unit: str = "batches"
    _added: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _read: int = field(default=0, init=False, repr=False)
    _now: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.unit not in ("batches", "hours"):
            raise BadSetting(f"unit={self.unit!r} is none of batches, hours")
        if not (self.half_life > 0 and 0 <= self.weight <= 1):
            raise BadSetting(f"half_life={self.half_life!r} must be above 0 and weight={self.weight!r} from 0 to 1")

    def __call__(self, query: Query, ranked: Sequence[Scored]) -> Sequence[Scored]:
        self._catch_up()
        ages = np.array([self._now - self._added.get(one.item.id, self._now) for one in ranked])
        scores = (1 - self.weight) * relevance(ranked) + self.weight * 0.5 ** (ages / self.half_life)
        order = np.argsort(-scores, kind="stable")
        return [replace(ranked[at], score=float(scores[at])) for at in order]

    def _catch_up(self) -> None:
        """When each item was added first; only batches that are new are read."""
        if self.memory.version == self._read:
            return
        for batch in self.memory.journal.log(after=self._read):
            self._read, self._now = batch.version, self._at(batch)
            for edit in batch.edits:
                if edit.op is Op.ADD:
                    self._added.setdefault(edit.item, self._now)

    def _at(self, batch: Batch) -> float:
        return float(batch.version) if self.unit == "batches" else batch.at / _HOUR
