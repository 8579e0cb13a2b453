"""SQLite in a process of its own (see ``environments/worker.py``), where a query can read one database, no more.

Nothing can be written, attached, loaded or set; memory, time, and what comes back are bounded. Temporary tables stay in
memory, so that no query touches the disk.

This file imports nothing of its own package: the process that loads it may not have it.
"""

from __future__ import annotations

import resource
import sqlite3
import time
from typing import Any
from urllib.parse import quote

MEMORY = 1 << 30
CPU = 60
"""Seconds of processor time of a whole episode."""
OPS = 5_000
"""Steps of SQLite's machine between two looks at the clock."""
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 1_000_000,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 30,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
ASKS = {"table_info", "table_xinfo", "table_list", "foreign_key_list", "index_list", "index_info"}
"""Pragmas that only tell."""
REFUSED = {"load_extension", "fts3_tokenizer", "printf", "format"}
"""Functions that load code, or that can take for ever without a look at the clock."""


class Engine:
    """One database."""

    def open(self, path: str, script: str) -> list[dict[str, Any]]:
        """Open the file at ``path``, or a database in memory made by ``script``. What is in it: each table's ``name``,
        ``columns`` (name and type), ``links`` (column, other table, its column) and ``sql``."""
        place = f"file:{quote(path)}?mode=ro&immutable=1" if path else "file::memory:"
        self._database = sqlite3.connect(place, uri=True, isolation_level=None)
        self._database.text_factory = lambda data: data.decode("utf-8", "replace")
        if script:
            self._database.executescript(script)
        tables = self._tables()
        self._close_in()
        return tables

    def query(self, sql: str, most: int, seconds: float) -> dict[str, Any]:
        """The ``columns`` and at most ``most`` ``rows`` of a query, and whether there is ``more``; or its ``error``."""
        until = time.process_time() + seconds
        self._database.set_progress_handler(lambda: time.process_time() > until, OPS)
        try:
            cursor = self._database.execute(sql)
            if cursor.description is None:
                return {"error": "that is no query"}
            rows = cursor.fetchmany(most + 1)
        except sqlite3.OperationalError as error:
            late = f"it took longer than {seconds:g} seconds"
            return {"error": late if str(error) == "interrupted" else str(error)}
        except (sqlite3.Error, sqlite3.Warning, MemoryError, OverflowError, ValueError) as error:
            return {"error": str(error) or type(error).__name__}
        columns = [column[0] for column in cursor.description]
        return {"columns": columns, "rows": [_plain(row) for row in rows[:most]], "more": len(rows) > most}

    def _tables(self) -> list[dict[str, Any]]:
        listed = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        found = self._database.execute(f"{listed} ORDER BY rowid").fetchall()
        return [
            {
                "name": name,
                "sql": sql,
                "columns": self._database.execute("SELECT name, type FROM pragma_table_info(?)", (name,)).fetchall(),
                "links": self._database.execute(
                    'SELECT "from", "table", "to" FROM pragma_foreign_key_list(?)', (name,)
                ).fetchall(),
            }
            for name, sql in found
        ]

    def _close_in(self) -> None:
        self._database.execute("PRAGMA temp_store = MEMORY")
        self._database.execute("PRAGMA query_only = ON")
        self._database.execute("PRAGMA trusted_schema = OFF")
        for limit, most in LIMITS.items():
            self._database.setlimit(limit, most)
        self._database.set_authorizer(_may)
        for name, most in (("AS", MEMORY), ("CPU", CPU), ("FSIZE", 0), ("CORE", 0)):
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


def prepare() -> None:
    """There is nothing slow to load."""


def _may(action: int, one: str | None, other: str | None, database: str | None, trigger: str | None) -> int:
    allowed = action in READS
    allowed = allowed or (action == sqlite3.SQLITE_FUNCTION and (other or "").lower() not in REFUSED)
    allowed = allowed or (action == sqlite3.SQLITE_PRAGMA and (one or "").lower() in ASKS)
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _plain(row: tuple[Any, ...]) -> list[Any]:
    return [f"x'{value.hex()}'" if isinstance(value, bytes) else value for value in row]
