"""Replay: older tasks mixed in, so that a new skill does not cost the old ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeVar

from knowhow.environments.errors import BadSetting
from knowhow.training.selecting import counted
from knowhow.training.types import Data, Datum

Row = TypeVar("Row", bound=Datum)


def mixed(new: Sequence[Row], old: Sequence[Row], ratio: float, seed: int = 0) -> Data[Row]:
    """The new rows with ``ratio`` old ones for each, or all where there are fewer; the whole shuffled.

    Every kind of task among the old ones gets the same share, as far as it has rows. Raises: BadSetting.
    """
    if ratio < 0:
        raise BadSetting(f"the ratio of replay is {ratio}; it is the number >= 0 of old rows for each new one")
    random = Random(seed)
    most = min(round(ratio * len(new)), len(old))
    replayed = [row for row, _ in zip(_by_turns(old, random), range(most), strict=False)]
    rows = [*new, *replayed]
    random.shuffle(rows)
    over = f"more than {ratio:g} old ones for each new one"
    return Data(tuple(rows), counted({over: len(old) - len(replayed)}, "rows"))


def _by_turns(rows: Sequence[Row], random: Random) -> Iterator[Row]:
    """All rows, one of each kind of task after the other, in a random order within a kind."""
    kinds: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        kinds.setdefault((row.source.suite, row.source.kind), []).append(row)
    for some in kinds.values():
        random.shuffle(some)
    while any(kinds.values()):
        yield from [some.pop() for some in kinds.values() if some]
