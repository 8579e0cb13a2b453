"""Questions to a database of our own with the query that answers each, one function a kind; its name is the kind.

Tables and columns are told by their names, values in quotes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from random import Random

from knowhow.environments.relational.schemas import EDITION, SCHEMAS, Schema, Table, script
from knowhow.environments.types import Split

EACH = 4
"""Questions of a kind to a database, at most."""
Pair = tuple[str, str]
"""A question, and the query that answers it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to the database named ``database``; ``gold`` answers it."""

    id: str
    kind: str
    text: str
    gold: str
    database: str
    split: Split


def count_all(schema: Schema) -> Iterator[Pair]:
    for table in schema.tables:
        yield f"How many {table.name} are there?", f"SELECT COUNT(*) FROM {table.name}"


def list_all(schema: Schema) -> Iterator[Pair]:
    for table in schema.tables:
        yield f"What are the {table.label}s of all {table.name}?", f"SELECT {table.label} FROM {table.name}"


def with_word(schema: Schema) -> Iterator[Pair]:
    for table, column, word in _words(schema):
        question = f'What are the {table.label}s of the {table.name} whose {column} is "{word}"?'
        yield question, f"SELECT {table.label} FROM {table.name} WHERE {column} = '{word}'"


def with_number(schema: Schema) -> Iterator[Pair]:
    for table, column, middle in _numbers(schema):
        for told, sign in (("above", ">"), ("below", "<")):
            question = f"What are the {table.label}s of the {table.name} whose {column} is {told} {middle}?"
            yield question, f"SELECT {table.label} FROM {table.name} WHERE {column} {sign} {middle}"


def count_word(schema: Schema) -> Iterator[Pair]:
    for table, column, word in _words(schema):
        question = f'How many of the {table.name} have the {column} "{word}"?'
        yield question, f"SELECT COUNT(*) FROM {table.name} WHERE {column} = '{word}'"


def summary(schema: Schema) -> Iterator[Pair]:
    for table, column, _ in _numbers(schema):
        for told, function in (("average", "AVG"), ("highest", "MAX"), ("lowest", "MIN"), ("total", "SUM")):
            yield f"What is the {told} {column} of the {table.name}?", f"SELECT {function}({column}) FROM {table.name}"


def different(schema: Schema) -> Iterator[Pair]:
    for table in schema.tables:
        for column in table.words:
            question = f"What are the different values of {column} of the {table.name}?"
            yield question, f"SELECT DISTINCT {column} FROM {table.name}"


def count_different(schema: Schema) -> Iterator[Pair]:
    for table in schema.tables:
        for column in table.words:
            question = f"How many different values of {column} do the {table.name} have?"
            yield question, f"SELECT COUNT(DISTINCT {column}) FROM {table.name}"


def the_most(schema: Schema) -> Iterator[Pair]:
    for table, column, _ in _numbers(schema):
        for told, order in (("highest", "DESC"), ("lowest", "ASC")):
            question = f"What is the {table.label} of the one with the {told} {column} among the {table.name}?"
            yield question, f"SELECT {table.label} FROM {table.name} ORDER BY {column} {order} LIMIT 1"


def in_order(schema: Schema) -> Iterator[Pair]:
    for table, column, _ in _numbers(schema):
        for told, order in (("highest", "DESC"), ("lowest", "ASC")):
            question = f"What are the {table.label}s of the {table.name}, ordered by {column}, the {told} first?"
            yield question, f"SELECT {table.label} FROM {table.name} ORDER BY {column} {order}"


def of_each(schema: Schema) -> Iterator[Pair]:
    for table in schema.tables:
        for column in table.words:
            question = f"How many {table.name} are there of each {column}? Give the {column} and the number."
            yield question, f"SELECT {column}, COUNT(*) FROM {table.name} GROUP BY {column}"


def average_of_each(schema: Schema) -> Iterator[Pair]:
    for table, column, _ in _numbers(schema):
        for word in table.words:
            question = (
                f"What is the average {column} of the {table.name} of each {word}? Give the {word} and the average."
            )
            yield question, f"SELECT {word}, AVG({column}) FROM {table.name} GROUP BY {word}"


def at_least(schema: Schema) -> Iterator[Pair]:
    for table in schema.tables:
        for column in table.words:
            question = f"Which values of {column} do at least 5 of the {table.name} have?"
            yield question, f"SELECT {column} FROM {table.name} GROUP BY {column} HAVING COUNT(*) >= 5"


def joined(schema: Schema) -> Iterator[Pair]:
    for child, parent in _links(schema):
        one = child.link.removesuffix("_id")
        question = f"What is the {child.label} of each of the {child.name}, and the {parent.label} of its {one}?"
        yield (
            question,
            f"SELECT {child.name}.{child.label}, {parent.name}.{parent.label} FROM {child.name} "
            f"JOIN {parent.name} ON {child.name}.{child.link} = {parent.name}.id",
        )


def joined_with_word(schema: Schema) -> Iterator[Pair]:
    for child, parent in _links(schema):
        one = child.link.removesuffix("_id")
        for table, column, word in _words(schema):
            if table is parent:
                question = f'What are the {child.label}s of the {child.name} whose {one} has the {column} "{word}"?'
                yield (
                    question,
                    f"SELECT {child.name}.{child.label} FROM {child.name} JOIN {parent.name} "
                    f"ON {child.name}.{child.link} = {parent.name}.id WHERE {parent.name}.{column} = '{word}'",
                )


def count_joined(schema: Schema) -> Iterator[Pair]:
    for child, parent in _links(schema):
        question = (
            f"How many {child.name} have those of the {parent.name} that have any? Give the {parent.label} as well."
        )
        yield (
            question,
            f"SELECT {parent.name}.{parent.label}, COUNT(*) FROM {parent.name} JOIN {child.name} "
            f"ON {child.name}.{child.link} = {parent.name}.id GROUP BY {parent.name}.id",
        )


def the_most_joined(schema: Schema) -> Iterator[Pair]:
    for child, parent in _links(schema):
        for column in child.numbers:
            question = f"What is the highest {column} of the {child.name} of each of the {parent.name} that have any? "
            yield (
                question + f"Give the {parent.label} as well.",
                f"SELECT {parent.name}.{parent.label}, MAX({child.name}.{column}) FROM {parent.name} JOIN {child.name} "
                f"ON {child.name}.{child.link} = {parent.name}.id GROUP BY {parent.name}.id",
            )


def above_average(schema: Schema) -> Iterator[Pair]:
    for table, column, _ in _numbers(schema):
        question = f"What are the {table.label}s of the {table.name} whose {column} is above the average?"
        average = f"(SELECT AVG({column}) FROM {table.name})"
        yield question, f"SELECT {table.label} FROM {table.name} WHERE {column} > {average}"


def without_any(schema: Schema) -> Iterator[Pair]:
    for child, parent in _links(schema):
        question = f"What are the {parent.label}s of the {parent.name} that have no {child.name}?"
        owners = f"(SELECT {child.link} FROM {child.name})"
        yield question, f"SELECT {parent.label} FROM {parent.name} WHERE id NOT IN {owners}"


def either(schema: Schema) -> Iterator[Pair]:
    for table, column, word in _words(schema):
        for other, number, middle in _numbers(schema):
            if other is table:
                all_of = f"SELECT {table.label} FROM {table.name} WHERE"
                question = f'What are the {table.label}s of the {table.name} whose {column} is "{word}" '
                yield (
                    f"{question}or whose {number} is above {middle}?",
                    f"{all_of} {column} = '{word}' UNION {all_of} {number} > {middle}",
                )


def both(schema: Schema) -> Iterator[Pair]:
    for table, number, middle in _numbers(schema):
        for column in table.words:
            all_of = f"SELECT {column} FROM {table.name} WHERE {number}"
            question = f"Which values of {column} do {table.name} have whose {number} is above {middle} "
            yield (
                f"{question}and also {table.name} whose {number} is below {middle}?",
                f"{all_of} > {middle} INTERSECT {all_of} < {middle}",
            )


def but_not(schema: Schema) -> Iterator[Pair]:
    for table, number, middle in _numbers(schema):
        most = middle + (table.numbers[number][1] - middle) // 2
        for column in table.words:
            question = f"Which values of {column} do {table.name} have, but none whose {number} is above {most}?"
            all_of = f"SELECT {column} FROM {table.name}"
            yield question, f"{all_of} EXCEPT {all_of} WHERE {number} > {most}"


KINDS: tuple[Callable[[Schema], Iterator[Pair]], ...] = (
    *(count_all, list_all, with_word, with_number, count_word, summary, different, count_different, the_most, in_order),
    *(of_each, average_of_each, at_least, joined, joined_with_word, count_joined, the_most_joined, above_average),
    *(without_any, either, both, but_not),
)


@cache
def questions(split: Split) -> Sequence[Asked]:
    """All questions of a split, kinds and databases in turn; those that nothing answers are left out."""
    found = [(n, asked) for schema in SCHEMAS if schema.split == split for n, asked in _asked(schema)]
    return tuple(asked for _, asked in sorted(found, key=lambda one: one[0]))


def _asked(schema: Schema) -> Iterator[tuple[int, Asked]]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(script(schema.name))
        for kind in KINDS:
            pairs = [pair for pair in kind(schema) if database.execute(pair[1]).fetchone()]
            chosen = Random(f"{EDITION}/{schema.name}/{kind.__name__}").sample(pairs, min(EACH, len(pairs)))
            for n, (text, gold) in enumerate(chosen):
                id = f"{schema.name}-{kind.__name__}-{n}"
                yield n, Asked(id, kind.__name__, text, gold, schema.name, schema.split)


def _words(schema: Schema) -> Iterator[tuple[Table, str, str]]:
    for table in schema.tables:
        for column, words in table.split_words.items():
            yield from ((table, column, word) for word in words)


def _numbers(schema: Schema) -> Iterator[tuple[Table, str, int]]:
    """Each column of numbers, with one that lies between them."""
    for table in schema.tables:
        for column, (least, most) in table.numbers.items():
            yield table, column, (least + most) // 2


def _links(schema: Schema) -> Iterator[tuple[Table, Table]]:
    for table in schema.tables:
        if table.of:
            yield table, schema.table(table.of)
