"""Databases of our own, made from a seed: what their tables hold, and the SQL that makes them.

Every table has an ``id`` and a label, and columns of words and of numbers; a table may belong to another one. Labels
and the numbers of a column are all different, so that no order has ties.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random

from knowhow.environments.types import Split

EDITION = "sql-1"

PEOPLE = [
    "Ana",
    "Bela",
    "Cid",
    "Dora",
    "Emil",
    "Fay",
    "Gus",
    "Hana",
    "Ivo",
    "Jana",
    "Karl",
    "Lena",
    "Milo",
    "Nora",
    "Otto",
    "Pia",
    "Quinn",
    "Rosa",
    "Sven",
    "Tara",
]
FAMILY = [
    "Abbot",
    "Baker",
    "Castro",
    "Dahl",
    "Eriksen",
    "Flores",
    "Grant",
    "Hoffman",
    "Ito",
    "Jensen",
    "Kovacs",
    "Lima",
    "Moreau",
    "Novak",
    "Okafor",
    "Park",
]
FIRST = [
    "Blue",
    "Silent",
    "Golden",
    "Broken",
    "Hidden",
    "Distant",
    "Winter",
    "Crimson",
    "Paper",
    "Northern",
    "Velvet",
    "Open",
]
SECOND = [
    "River",
    "Garden",
    "Mirror",
    "Harbour",
    "Road",
    "Window",
    "Island",
    "Orchard",
    "Signal",
    "Bridge",
    "Morning",
    "Letter",
]


@dataclass(frozen=True, slots=True)
class Table:
    """``words`` are columns with what may stand in them, ``numbers`` columns with least and most; ``of`` is the table
    that it belongs to, by the column ``link``. ``person``: are its labels names of people?"""

    name: str
    label: str
    rows: int
    words: Mapping[str, str]
    numbers: Mapping[str, tuple[int, int]]
    of: str = ""
    link: str = ""
    person: bool = False
    split_words: Mapping[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "split_words", {column: tuple(text.split()) for column, text in self.words.items()})

    @property
    def columns(self) -> tuple[str, ...]:
        link = (self.link,) if self.of else ()
        return ("id", self.label, *link, *self.words, *self.numbers)


@dataclass(frozen=True, slots=True)
class Schema:
    """A database; it belongs to one split, so that no other one knows its tables."""

    name: str
    split: Split
    tables: tuple[Table, ...]

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)


COUNTRIES = "Chile Norway Japan Kenya Canada Portugal"
CITIES = "Lima Oslo Kyoto Nairobi Quebec Porto"

SCHEMAS = (
    Schema(
        "music",
        "train",
        (
            Table(
                "singers",
                "name",
                16,
                {"country": COUNTRIES, "genre": "folk jazz rock soul"},
                {"age": (19, 70)},
                person=True,
            ),
            Table(
                "concerts",
                "title",
                24,
                {"city": CITIES},
                {"visitors": (90, 9000), "price": (10, 99)},
                "singers",
                "singer_id",
            ),
            Table("albums", "title", 20, {"format": "vinyl tape stream"}, {"length": (25, 90)}, "singers", "singer_id"),
        ),
    ),
    Schema(
        "library",
        "train",
        (
            Table("authors", "name", 14, {"country": COUNTRIES}, {"born": (1900, 1990)}, person=True),
            Table(
                "books",
                "title",
                26,
                {"language": "English Spanish French Swahili", "shelf": "north south east west"},
                {"pages": (60, 900), "copies": (1, 60)},
                "authors",
                "author_id",
            ),
        ),
    ),
    Schema(
        "school",
        "train",
        (
            Table(
                "teachers", "name", 13, {"subject": "maths music history sport"}, {"salary": (2000, 5200)}, person=True
            ),
            Table(
                "courses", "title", 22, {"level": "basic middle upper"}, {"seats": (8, 60)}, "teachers", "teacher_id"
            ),
            Table("pupils", "name", 20, {"town": CITIES}, {"height": (120, 195), "marks": (1, 100)}, person=True),
        ),
    ),
    Schema(
        "airport",
        "validation",
        (
            Table("airlines", "name", 12, {"country": COUNTRIES, "alliance": "sky star free"}, {"fleet": (3, 300)}),
            Table(
                "flights",
                "code",
                26,
                {"destination": CITIES},
                {"distance": (150, 9800), "passengers": (20, 400)},
                "airlines",
                "airline_id",
            ),
        ),
    ),
    Schema(
        "clinic",
        "test",
        (
            Table(
                "doctors", "name", 14, {"field": "heart skin bone eye", "rank": "junior senior"}, {"wage": (3000, 9000)}
            ),
            Table("patients", "name", 24, {"town": CITIES}, {"weight": (40, 120)}, "doctors", "doctor_id", person=True),
        ),
    ),
    Schema(
        "zoo",
        "test",
        (
            Table("keepers", "name", 12, {"shift": "early late night"}, {"experience": (1, 40)}, person=True),
            Table(
                "animals",
                "name",
                25,
                {"species": "lion otter crane tapir", "diet": "meat plants fish"},
                {"mass": (2, 900)},
                "keepers",
                "keeper_id",
            ),
        ),
    ),
)


@cache
def script(name: str) -> str:
    """The SQL that makes the database of this name and fills it."""
    schema = next(schema for schema in SCHEMAS if schema.name == name)
    random = Random(f"{EDITION}/{schema.name}")
    return "\n".join(line for table in schema.tables for line in _table(table, schema, random))


def _table(table: Table, schema: Schema, random: Random) -> list[str]:
    texts = [f"{column} TEXT" for column in (table.label, *table.words)]
    link = [f"{table.link} INTEGER REFERENCES {table.of}(id)"] if table.of else []
    numbers = [f"{column} INTEGER" for column in table.numbers]
    columns = ", ".join(["id INTEGER PRIMARY KEY", texts[0], *link, *texts[1:], *numbers])
    labels = _labels(table, random)
    # Some of the owners own nothing: there has to be a difference between all of them and those that do.
    owners = range(1, schema.table(table.of).rows * 3 // 4) if table.of else ()
    filled = [random.sample(range(least, most + 1), table.rows) for least, most in table.numbers.values()]
    rows: list[tuple[object, ...]] = []
    for n, label in enumerate(labels):
        owner = [random.choice(owners)] if owners else []
        words = map(random.choice, table.split_words.values())
        rows.append((n + 1, label, *owner, *words, *(column[n] for column in filled)))
    values = ",\n".join(f"({', '.join(map(_literal, row))})" for row in rows)
    return [f"CREATE TABLE {table.name} ({columns});", f"INSERT INTO {table.name} VALUES\n{values};"]


def _labels(table: Table, random: Random) -> list[str]:
    parts = (PEOPLE, FAMILY) if table.person else (FIRST, SECOND)
    return random.sample([f"{one} {other}" for one in parts[0] for other in parts[1]], table.rows)


def _literal(value: object) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
