"""A SQLite file of ours: opened only if it is what it should be, written whole or not at all, failing in a sentence."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from knowhow.environments.errors import KnowhowError, MemoryDamaged

_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Format:
    """What a file must be. ``application`` is SQLite's application id; ``version`` the number of the table layout.

    ``synchronous``: "FULL" survives a power cut with every acknowledged write, "NORMAL" a kill of the process, at a
    twentieth of the time.
    """

    what: str
    application: int
    version: int
    tables: str
    synchronous: Literal["FULL", "NORMAL"]


class Database:
    """A connection that threads may share; several processes may each have one on the same file."""

    def __init__(self, path: Path, form: Format, connection: sqlite3.Connection) -> None:
        self.path, self.lock = path, threading.RLock()
        self._form, self._connection = form, connection

    @classmethod
    def open(cls, path: Path, form: Format, *, create: bool = False) -> Database:
        """The database at ``path``, made there, its folder too, if ``create`` and there is none.

        Raises: MemoryDamaged where the file is missing, damaged, of another layout or something else, which stays
        as it is.
        """
        if not _present(path, form):
            _may_be_made(path, form, create)
        with _one_sentence(path, form):
            connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            try:
                _prepare(connection, form)
            except BaseException:
                connection.close()
                raise
        return cls(path, form, connection)

    def read(self, query: str, *values: Any) -> list[Any]:
        with self.lock, _one_sentence(self.path, self._form):
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, which holds the file's only write lock from its start; any exception undoes all of it."""
        with self.lock, _one_sentence(self.path, self._form):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def serialized(self) -> bytes:
        with self.lock, _one_sentence(self.path, self._form):
            return self._connection.serialize()

    def check(self) -> None:
        """Look at every page. Raises: MemoryDamaged."""
        ((verdict,),) = self.read("PRAGMA quick_check(1)")
        if verdict != "ok":
            raise MemoryDamaged(f"{self._form.what} {self.path}: damaged; restore it from a copy ({_line(verdict)})")

    def close(self) -> None:
        with self.lock:
            self._connection.close()


def _present(path: Path, form: Format) -> bool:
    """Whether a file with our header is there; read without SQLite, which could change a file that is not ours."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise MemoryDamaged(f"{path} cannot be read as a {form.what} ({error.strerror})") from None
    if not header:
        return False
    if len(header) < 100 or not header.startswith(_MAGIC):
        raise MemoryDamaged(f"{path} is no {form.what}, or its head is damaged; restore it, or name another folder")
    application, version = int.from_bytes(header[68:72], "big"), int.from_bytes(header[60:64], "big")
    if application != form.application:
        raise MemoryDamaged(f"{path} is a database of another program, not a {form.what}; name another folder")
    if version != form.version:
        raise MemoryDamaged(
            f"{path} is a {form.what} of layout {version}, and this program reads layout {form.version}"
            "; use the program that wrote it"
        )
    return True


def _may_be_made(path: Path, form: Format, create: bool) -> None:
    # Beside a new file, SQLite would replay a write-ahead log that an old one left.
    if path.with_name(f"{path.name}-wal").exists():
        raise MemoryDamaged(f"{path} is gone, but its write-ahead log is there; restore it, or name another folder")
    if not create:
        raise MemoryDamaged(f"there is no {form.what} at {path}; check the path")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KnowhowError(f"the folder {path.parent} cannot be made ({error.strerror})") from None


def _prepare(connection: sqlite3.Connection, form: Format) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != form.application:
        connection.executescript(f"""
            BEGIN IMMEDIATE;
            {form.tables}
            PRAGMA application_id = {form.application};
            PRAGMA user_version = {form.version};
            COMMIT""")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {form.synchronous}")


_SENTENCES = {
    sqlite3.SQLITE_FULL: (KnowhowError, "the disk is full, nothing of this write was kept; make room and try again"),
    sqlite3.SQLITE_IOERR: (KnowhowError, "the disk failed, nothing of this write was kept; see whether it is full"),
    sqlite3.SQLITE_BUSY: (KnowhowError, "another process is writing to it and does not end; try again when it is done"),
    sqlite3.SQLITE_READONLY: (KnowhowError, "it is read-only; copy the folder to where it can be written"),
    sqlite3.SQLITE_CANTOPEN: (KnowhowError, "it cannot be opened for writing; check the folder's permissions"),
    sqlite3.SQLITE_CORRUPT: (MemoryDamaged, "the file is damaged; restore it from a copy"),
    sqlite3.SQLITE_NOTADB: (MemoryDamaged, "the file is damaged; restore it from a copy"),
    sqlite3.SQLITE_ERROR: (MemoryDamaged, "the tables are not as they should be; restore it from a copy"),
}


@contextmanager
def _one_sentence(path: Path, form: Format) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None or code & 0xFF not in _SENTENCES:
            raise
        kind, sentence = _SENTENCES[code & 0xFF]
        raise kind(f"{form.what} {path}: {sentence} ({_line(error)})") from error


def _line(said: object) -> str:
    """The last line of what SQLite says, which names the fault; the ones before say where it looked."""
    return (str(said).splitlines() or [""])[-1]
