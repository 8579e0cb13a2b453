"""Holding lessons back on purpose, so that what they do can be told from what would have happened without them.

Which items an episode goes without follows from its seed and the items' ids alone: an episode that is played again
goes without the same ones. A bank asks ``split`` after it has chosen what it would show, so that what was held back is
what would have been shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from knowhow.agents.seeds import child_seed
from knowhow.agents.types import Query, Recall, Recalled

Kept = TypeVar("Kept")

_SEEDS = 2**31


def drawn(rate: float, seed: int, item: str) -> bool:
    """Whether the draw for this item in the episode of this seed comes out; it does so with probability ``rate``."""
    return child_seed(seed, "withhold", item) < rate * _SEEDS


def split(items: Mapping[str, Kept], query: Query) -> tuple[dict[str, Kept], tuple[str, ...]]:
    """The items to show, and the ids of those that this episode goes without; both keep their order."""
    withheld = tuple(id for id in items if query.goes_without(id))
    return {id: item for id, item in items.items() if id not in withheld}, withheld


def some_withheld(recall: Recall, rate: float) -> Recall:
    """Recall that goes without each item at random, with probability ``rate`` in [0, 1)."""
    return _asked(recall, lambda query: lambda id: drawn(rate, query.seed, id))


def half_withheld(recall: Recall, tested: Collection[str], mirrored: bool) -> Recall:
    """Recall that goes without a random half of the ``tested`` items, ``mirrored`` without the other half.

    Of two episodes with the same seed, one of each kind, every tested item is shown in one and withheld in the other;
    everything else is shown in both. Tested items that are not admitted yet are tried.
    """
    half = frozenset(tested)
    return _asked(recall, lambda query: lambda id: id in half and drawn(0.5, query.seed, id) is not mirrored, half)


def all_withheld(recall: Recall, tested: Collection[str]) -> Recall:
    """Recall that goes without all of the ``tested`` items."""
    whole = frozenset(tested)
    return _asked(recall, lambda query: whole.__contains__, whole)


def _asked(
    recall: Recall, rule: Callable[[Query], Callable[[str], bool]], tries: frozenset[str] = frozenset()
) -> Recall:
    async def recall_less(query: Query) -> Recalled:
        return await recall(replace(query, goes_without=rule(query), tries=tries))

    return recall_less
