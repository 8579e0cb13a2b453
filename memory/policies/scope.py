"""Scope: lessons of this suite and of this kind of task, and those that are for any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from knowhow.agents.types import Decider, Query
from knowhow.environments.types import Suite
from knowhow.memory.store import Memory
from knowhow.memory.types import Item, Scored


@dataclass
class Scope:
    """Leaves out the items of another scope; ``prefer`` only sorts them behind. ``kinds``: whether the kind of task
    counts, or the suite alone."""

    memory: Memory
    ask: Decider
    suite: Suite | None = None
    prefer: bool = False
    kinds: bool = True

    def __call__(self, query: Query, ranked: Sequence[Scored]) -> Sequence[Scored]:
        fits = {one.item.id for one in ranked if self._fits(one.item, query)}
        if self.prefer:
            return sorted(ranked, key=lambda one: one.item.id not in fits)
        return [one for one in ranked if one.item.id in fits]

    def _fits(self, item: Item, query: Query) -> bool:
        same_kind = not self.kinds or item.task_kind in ("", query.task.kind)
        return item.suite in ("", query.task.suite) and same_kind
