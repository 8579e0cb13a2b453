"""The database of one episode: made by copying, compared as plain rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).with_name("schema.sql")

LOG = {"revision"}
"""Tables that tell how a state came about and are none of it."""

State = Mapping[str, tuple[tuple[Any, ...], ...]]
"""The rows of every table but the logs, sorted."""


def empty() -> sqlite3.Connection:
    """A database in memory with every table and no row. The thread that serves it is not the one that checks it."""
    db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    db.row_factory = sqlite3.Row
    db.executescript(SCHEMA.read_text(encoding="utf-8"))
    return db


def copy(db: sqlite3.Connection) -> sqlite3.Connection:
    """Another database that holds the same."""
    other = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    other.row_factory = sqlite3.Row
    db.backup(other)
    return other


def state(db: sqlite3.Connection) -> State:
    """All that counts in a database, to be compared with another's."""
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    return {
        table: tuple(sorted((tuple(row) for row in db.execute(f"SELECT * FROM {table}")), key=repr))
        for table in tables
        if table not in LOG
    }


def insert(db: sqlite3.Connection, table: str, **values: Any) -> None:
    """Put one row into a table."""
    places = ", ".join(f":{name}" for name in values)
    db.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", values)


def one(db: sqlite3.Connection, query: str, *values: Any) -> Any:
    """The first row that a query finds; its value alone where it asks for one. None where there is none."""
    row = db.execute(query, values).fetchone()
    return row[0] if row is not None and len(row) == 1 else row


def rows(db: sqlite3.Connection, query: str, *values: Any) -> list[sqlite3.Row]:
    """All rows that a query finds."""
    return db.execute(query, values).fetchall()
