"""Replies kept in one SQLite file, so that an exact re-run asks no model and gives what it gave before.

A reply is one row, written in one transaction, so that a killed process loses none that was returned before; several
processes may share the file.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from knowhow.agents.types import Turn
from knowhow.environments.errors import BadSetting
from knowhow.environments.redact import without_keys

_TABLE = "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL) WITHOUT ROWID"
_WAIT_S = 30.0
"""How long a process waits for another one that writes."""


def reply_key(uri: str, turn: Turn) -> str:
    """The SHA-256 (hex) of all that decides a reply: model, messages, tools, seed, temperature and whether to call."""
    asked = [uri, [_content(message) for message in turn.messages], turn.tools, turn.seed, turn.temperature]
    asked += [] if turn.calls else ["text"]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=dict).encode()).hexdigest()


def _content(message: BaseMessage) -> list[Any]:
    # A message's own id and usage are new at every run; they say nothing to a model.
    made = [[call["name"], call["args"], call["id"]] for call in getattr(message, "tool_calls", ())]
    broken = [[call["name"], call["args"], call["id"]] for call in getattr(message, "invalid_tool_calls", ())]
    return [message.type, message.content, made, broken, getattr(message, "tool_call_id", None)]


class ReplyCache:
    """``get`` and ``put`` by key. Raises: BadSetting where the file cannot be read or written."""

    def __init__(self, path: Path) -> None:
        self._path = path.expanduser()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._rows = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
            self._rows.execute(_TABLE)
            self._rows.execute("PRAGMA journal_mode=WAL")
            # In WAL mode NORMAL is safe against a killed process; only a power cut can take the last replies.
            self._rows.execute("PRAGMA synchronous=NORMAL")
        except (OSError, sqlite3.Error) as error:
            raise BadSetting(f"the reply cache {self._path} cannot be opened: {error}; name another file") from error

    def get(self, key: str) -> AIMessage | None:
        row = self._execute("SELECT reply FROM replies WHERE key = ?", key).fetchone()
        return None if row is None else AIMessage.model_validate_json(row[0])

    def put(self, key: str, reply: AIMessage) -> None:
        """Keep a reply; the first one of a key stays, so that processes that share the file agree."""
        self._execute("INSERT OR IGNORE INTO replies VALUES (?, ?)", key, without_keys(reply.model_dump_json()))

    def close(self) -> None:
        self._rows.close()

    def _execute(self, statement: str, *values: str) -> sqlite3.Cursor:
        try:
            return self._rows.execute(statement, values)
        except sqlite3.Error as error:
            raise BadSetting(f"the reply cache {self._path} failed: {error}; free space or run without it") from error
