"""Do two queries have the same result? As Spider's test suite (arXiv 2010.02840) asks it.

Rows count as often as they come; their order matters where the right query orders them, and the order of the columns
never does. Numbers are the same that agree in nine digits.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

MOST_ORDERS = 5_000
"""Orders of columns that are tried; only ones whose columns agree are."""
Rows = Sequence[Sequence[Any]]


def orders(sql: str) -> bool:
    """Does a query order its result, not just that of a part of it?"""
    plain = re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*", " ", sql)
    while (shorter := re.sub(r"\([^()]*\)", " ", plain)) != plain:
        plain = shorter
    return re.search(r"\border\s+by\b", plain, re.IGNORECASE) is not None


def same(gold: Rows, rows: Rows, *, ordered: bool) -> bool:
    """Is ``rows`` what ``gold`` is? Both of plain SQL values."""
    right, given = ([tuple(map(_value, row)) for row in one] for one in (gold, rows))
    if len(right) != len(given) or (right and len(right[0]) != len(given[0])):
        return False
    if not right:
        return True
    columns, others = list(zip(*right, strict=True)), list(zip(*given, strict=True))
    if ordered:
        return Counter(columns) == Counter(others)
    tried = (order for _, order in zip(range(MOST_ORDERS), _fitting(columns, others), strict=False))
    return any(Counter(right) == Counter(tuple(row[at] for at in order) for row in given) for order in tried)


def _fitting(columns: Sequence[tuple[Any, ...]], others: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, ...]]:
    """The orders of ``others`` in which each column has the values of the one that it would stand for."""
    bags = [Counter(other) for other in others]
    places = [[at for at, bag in enumerate(bags) if bag == Counter(column)] for column in columns]

    def rest(taken: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(taken) == len(columns):
            yield taken
            return
        for at in places[len(taken)]:
            if at not in taken:
                yield from rest((*taken, at))

    return rest(())


def _value(value: Any) -> Any:
    return float(f"{value:.9g}") if isinstance(value, float) else value
