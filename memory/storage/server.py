"""A collection on a Chroma server: ``chroma-http://HOST:PORT``. The journal stays the truth; a server that lost it is
filled again.

Its name lies in the index's folder and moves with it. One process at a time has it, by a lock there; two folders never
share one.
"""

from __future__ import annotations

import fcntl
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit
from uuid import uuid4

from knowhow.environments.errors import BadSetting
from knowhow.environments.redact import redacted
from knowhow.memory.storage.collection import Collection, damage
from knowhow.memory.storage.vectors import slug

_FORM = re.compile(r"chroma-(https?://[^/\s@]+)/?")


def check(index: str) -> None:
    """Raises: BadSetting where an index is none, or nobody answers there."""
    url = address(index)
    if not url:
        return
    try:
        _client(url).heartbeat()
    except Exception as error:  # whatever a client raises says no more than this
        why = redacted((str(error).splitlines() or [type(error).__name__])[0])
        raise BadSetting(
            f"no Chroma server answers at {url} ({why}); start one: chroma run --host HOST --port PORT"
        ) from None


def address(index: str) -> str:
    """The URL of ``chroma-http://HOST:PORT``; empty where the index is the folder's own. Raises: BadSetting."""
    if not index:
        return ""
    match = _FORM.fullmatch(index)
    if match is None:
        raise BadSetting(f"index={redacted(index)!r} is none; write chroma-http://HOST:PORT, or nothing for one here")
    return match[1]


def open_on(url: str, folder: Path, embedder: str) -> Collection | None:
    """The collection of the index in ``folder``, empty where the server has none; None where another process has it.

    Raises: Damaged where the server does not answer, OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    try:
        name = f"{slug(embedder)}-{_id(folder / 'id')}"
        with damage():
            return Collection.at(_Room(url, name, lock), _client(url), name)
    except BaseException:
        lock.close()
        raise


@dataclass(frozen=True, slots=True)
class _Room:
    """A collection's place on a server, this process's own while it holds the lock."""

    url: str
    name: str
    lock: IO[str]

    def release(self) -> None:
        self.lock.close()

    def discard(self) -> None:
        with suppress(Exception):
            _client(self.url).delete_collection(self.name)
        self.lock.close()


def _id(path: Path) -> str:
    if not path.exists():
        path.write_text(uuid4().hex)
    return path.read_text()


def _client(url: str) -> Any:
    import chromadb
    from chromadb.config import Settings

    where = urlsplit(url)
    secure = where.scheme == "https"
    return chromadb.HttpClient(
        host=where.hostname or "",
        port=where.port or (443 if secure else 8000),
        ssl=secure,
        settings=Settings(anonymized_telemetry=False),
    )
