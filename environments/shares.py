"""Which split a thing belongs to, where its source does not say: a share that depends on the thing alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from knowhow.environments.types import SPLITS, Split

SHARES: Mapping[Split, int] = {"train": 3, "validation": 1, "test": 1}


def split_of(thing: str, seed: int = 0, splits: Sequence[Split] = SPLITS) -> Split:
    """The split that a thing (its whole text, say) falls to, whatever else there is."""
    return Random(f"{seed}/{thing}").choices(splits, [SHARES[split] for split in splits])[0]
