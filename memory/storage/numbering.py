"""Ids that nobody has had or will be given: the last number of every prefix, kept in the journal's own file."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable

from knowhow.memory.types import Edit, Op

PREFIX = "[A-Za-z][A-Za-z0-9_.-]*"
TABLES = """
    CREATE TABLE IF NOT EXISTS ids (prefix TEXT PRIMARY KEY, last INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS reservations (
        key TEXT NOT NULL, prefix TEXT NOT NULL, count INTEGER NOT NULL, first INTEGER NOT NULL,
        PRIMARY KEY (key, prefix, count));
"""


def reserve(database: sqlite3.Connection, prefix: str, count: int, key: str) -> int:
    """The first of ``count`` numbers that are now taken for ``prefix``, or were by the same key."""
    same = "SELECT first FROM reservations WHERE key != '' AND (key, prefix, count) = (?, ?, ?)"
    done = database.execute(same, (key, prefix, count)).fetchone()
    if done:
        return int(done[0])
    last = (database.execute("SELECT last FROM ids WHERE prefix = ?", (prefix,)).fetchone() or (0,))[0]
    database.execute("INSERT OR REPLACE INTO ids VALUES (?, ?)", (prefix, last + count))
    if key:
        database.execute("INSERT INTO reservations VALUES (?, ?, ?, ?)", (key, prefix, count, last + 1))
    return int(last) + 1


def keep(database: sqlite3.Connection, edits: Iterable[Edit]) -> None:
    """Never give out an id that somebody chose by hand."""
    numbered = (re.fullmatch(f"({PREFIX})-([0-9]{{1,15}})", edit.item) for edit in edits if edit.op is Op.ADD)
    rows = [(match[1], int(match[2])) for match in numbered if match]
    upsert = "INSERT INTO ids VALUES (?, ?) ON CONFLICT (prefix) DO UPDATE SET last = max(last, excluded.last)"
    database.executemany(upsert, rows)
