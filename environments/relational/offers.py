"""Simple queries to offer, made of nothing but the words of the question and the names in the database.

Every question is offered the same forms over the tables and columns that it names. They are no list of all that SQL can
say, and the answers to many questions are not among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

MOST = 60
Table = Mapping[str, Any]
"""As ``Engine.open`` tells it."""


def offered(question: str, tables: Sequence[Table]) -> list[str]:
    """Queries about the tables that the question names; about all where it names none."""
    spoken = {_stem(word) for word in re.findall(r"\w+", question.lower())}
    named = [table for table in tables if _stem(table["name"].lower()) in spoken] or list(tables)
    values = [f"'{text}'" for text in re.findall(r'"([^"]+)"', question)]
    numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", question)
    found = (query for table in named for query in _of_table(table, spoken, values, numbers))
    linked = (query for table in named for query in _of_link(table, named, spoken, values))
    return list(dict.fromkeys((*found, *linked)))[:MOST]


def _of_table(table: Table, spoken: set[str], values: list[str], numbers: list[str]) -> Iterator[str]:
    name, columns = table["name"], _spoken(table, spoken)
    yield f"SELECT COUNT(*) FROM {name}"
    for column in columns:
        yield f"SELECT {column} FROM {name}"
        yield from (f"SELECT COUNT(*) FROM {name} WHERE {column} = {value}" for value in values)
        yield from (f"SELECT {function}({column}) FROM {name}" for function in ("AVG", "MAX", "MIN", "SUM"))
        yield from (f"SELECT {what} FROM {name}" for what in (f"DISTINCT {column}", f"COUNT(DISTINCT {column})"))
        yield f"SELECT {column}, COUNT(*) FROM {name} GROUP BY {column}"
    for one, other in permutations(columns, 2):
        yield from (f"SELECT {one} FROM {name} WHERE {other} = {value}" for value in values)
        yield from (f"SELECT {one} FROM {name} WHERE {other} {sign} {number}" for number in numbers for sign in "<>")
        for order in ("ASC", "DESC"):
            yield from (f"SELECT {one} FROM {name} ORDER BY {other} {order}{end}" for end in ("", " LIMIT 1"))
        yield f"SELECT {one} FROM {name} WHERE {other} > (SELECT AVG({other}) FROM {name})"


def _of_link(table: Table, named: Sequence[Table], spoken: set[str], values: list[str]) -> Iterator[str]:
    """Over two tables that the question names and of which one refers to the other."""
    for column, other, key in table["links"]:
        for parent in (one for one in named if one["name"] == other):
            mine, theirs = _spoken(table, spoken), _spoken(parent, spoken)
            owners = f"(SELECT {column} FROM {table['name']})"
            yield from (f"SELECT {one} FROM {other} WHERE {key or 'id'} NOT IN {owners}" for one in theirs)
            join = f"FROM {table['name']} JOIN {other} ON {table['name']}.{column} = {other}.{key or 'id'}"
            for one in mine:
                yield from (f"SELECT {table['name']}.{one}, {other}.{its} {join}" for its in theirs)
                for value in values:
                    where = f"{join} WHERE {other}"
                    yield from (f"SELECT {table['name']}.{one} {where}.{its} = {value}" for its in theirs)


def _spoken(table: Table, spoken: set[str]) -> list[str]:
    return [name for name, _ in table["columns"] if _stem(name.lower()) in spoken and re.fullmatch(r"\w+", name)]


def _stem(word: str) -> str:
    return word.removesuffix("s")
