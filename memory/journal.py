"""The journal: an append-only log of batches of edits, which is the only truth about what memory holds.

State is the fold of the log. A batch is atomic, numbered from 1, and can be made against an expected version
(compare-and-swap). Nothing is ever lost: a rollback is one more batch. Several processes may write to one journal.
"""

from __future__ import annotations

import json
import re
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from knowhow.agents import tracing
from knowhow.environments.errors import BadSetting, Conflict, KnowhowError, MemoryDamaged
from knowhow.memory.codec import decode, encode
from knowhow.memory.fold import Change, apply, bridge, difference, touched
from knowhow.memory.storage import numbering
from knowhow.memory.storage.batches import COLUMNS, batch, checksum, clean, folded, read_edits, write_edits
from knowhow.memory.storage.database import Database, Format
from knowhow.memory.types import Batch, Edit, Item

JOURNAL = Format(
    what="journal",
    application=0x6B686A6E,
    version=1,
    synchronous="FULL",
    tables=f"""
        CREATE TABLE IF NOT EXISTS batches (
            version INTEGER PRIMARY KEY, at REAL NOT NULL, note TEXT NOT NULL, key TEXT NOT NULL,
            edits TEXT NOT NULL, checksum INTEGER NOT NULL);
        CREATE UNIQUE INDEX IF NOT EXISTS batches_key ON batches (key) WHERE key != '';
        {numbering.TABLES}
        CREATE TABLE IF NOT EXISTS snapshots (version INTEGER PRIMARY KEY, items BLOB NOT NULL);
    """,
)

_SNAPSHOT_EVERY = 2_000
"""Edits between snapshots, at least, or as many as there are items: opening folds no more than it reads of items."""
_REMEMBERED = 1_000
"""The last batches of which it is remembered what they touched."""


class Journal:
    """Every edit ever made, and the state that they fold to. Threads may share one; every process opens its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version, self._items = 0, dict[str, Item]()
        # What was lent is copied before it changes, so that whoever has it keeps one version.
        self._lent, self._in_order = False, False
        self._touched: deque[tuple[int, frozenset[str]]] = deque(maxlen=_REMEMBERED)
        # Edits since the last snapshot, and its version.
        self._unsaved, self._saved = 0, 0
        self._catch_up()

    @classmethod
    def open(cls, path: str | Path, create: bool = False) -> Journal:
        """The journal at ``path``, made there if ``create`` and there is none.

        Raises: MemoryDamaged where the file is missing, damaged, of another layout or no journal, and stays as it is.
        """
        database = Database.open(Path(path), JOURNAL, create=create)
        try:
            database.check()
            return cls(database)
        except BaseException:
            database.close()
            raise

    @property
    def version(self) -> int:
        """The number of the last batch; 0 where there is none yet."""
        return int(self._database.read("SELECT ifnull(max(version), 0) FROM batches")[0][0])

    def commit(self, edits: Iterable[Edit], *, expected: int | None = None, note: str = "", key: str = "") -> int:
        """Write ``edits`` as one batch and return its version; it is on the disk then.

        A ``key`` that was committed before gives the version of that time, and nothing is written.
        Raises: Conflict where ``expected`` (if given) is not the present version; BadSetting where an edit does not fit
        the state (``fold.touched`` lists how); KnowhowError where the disk is full. Nothing is written then.
        """
        return self._append(lambda: list(edits), expected, note, key)

    def rollback(self, to: int, *, expected: int | None = None, note: str = "", key: str = "") -> int:
        """Write one more batch, which leads from the present state to that of version ``to``. Raises: as ``commit``."""
        note = note or f"roll back to version {to}"
        return self._append(lambda: bridge(self._items, self._state_at(to), why=note), expected, note, key)

    def items(self, version: int | None = None) -> dict[str, Item]:
        """The items by id, in the order of their ids, now or at a past version (0: none). Do not change them in place.

        Raises: BadSetting for a version that is not there.
        """
        if version is not None:
            return _in_order(self._state_at(version))
        with self._database.lock:
            self.state()
            if not self._in_order:
                self._items, self._in_order = _in_order(self._items), True
            return self._items

    def state(self) -> tuple[int, dict[str, Item]]:
        """The present version and its items, in no order; the same mapping until something is written. Do not change
        it in place."""
        with self._database.lock:
            self._catch_up()
            self._lent = True
            return self._version, self._items

    def touched(self, since: int) -> set[str] | None:
        """The ids of the items that batches after version ``since`` touched; None where that is too long ago to say."""
        with self._database.lock:
            if since < self._version and (not self._touched or self._touched[0][0] > since + 1):
                return None
            return {name for version, names in self._touched if version > since for name in names}

    def serialized(self) -> bytes:
        """The file as it is, with all that is acknowledged: what ``open`` opens elsewhere."""
        return self._database.serialized()

    def done(self, key: str) -> int | None:
        """The version that was committed under ``key``, or None."""
        rows = self._database.read("SELECT version FROM batches WHERE key = ? AND key != ''", clean(key))
        return rows[0][0] if rows else None

    def log(self, after: int = 0, before: int | None = None) -> list[Batch]:
        """The batches with ``after`` < version < ``before`` (None: to the end), oldest first."""
        return [batch(row) for row in self._rows(after, before)]

    def diff(self, a: int, b: int) -> list[Change]:
        """The items that differ between versions ``a`` and ``b``, by id. Raises: BadSetting for an unknown version."""
        return difference(self._state_at(a), self._state_at(b))

    def new_ids(self, prefix: str, count: int = 1, *, key: str = "") -> list[str]:
        """Ids such as ``shr-00012`` that nobody has had or will be given, in this or any other process.

        The same ``key`` with the same prefix and count gives the same ids again: work done twice is named the same.
        Raises: BadSetting for a prefix that is not a word, or a negative count.
        """
        if not re.fullmatch(numbering.PREFIX, prefix) or count < 0:
            raise BadSetting(f"cannot make {count} ids of prefix {prefix!r}; use a word, and a count of at least 0")
        with self._database.writing() as database:
            first = numbering.reserve(database, prefix, count, clean(key))
        return [f"{prefix}-{number:05d}" for number in range(first, first + count)]

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, make: Callable[[], Sequence[Edit]], expected: int | None, note: str, key: str) -> int:
        note, key = clean(note), clean(key)
        with tracing.edits(note) as span, self._database.lock:
            with self._database.writing() as database:
                done = database.execute("SELECT version FROM batches WHERE key = ? AND key != ''", (key,)).fetchone()
                if done:
                    return int(done[0])
                self._catch_up()
                if expected is not None and expected != self._version:
                    raise Conflict(f"the journal is at version {self._version}, not {expected}; read again and retry")
                text = write_edits(make())
                edits, version = read_edits(text), self._version + 1
                changed = touched(self._items, edits)
                row = (version, time.time(), note, key, text)
                database.execute(f"INSERT INTO batches ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", (*row, checksum(row)))
                numbering.keep(database, edits)
            self._advance(version, changed, len(edits))
            span.tell(knowhow__edits=len(edits), knowhow__memory__version=version)
            self._snapshot_when_due()
        return version

    def _catch_up(self) -> None:
        """Fold in what was written, here or by another process, since the last look."""
        with self._database.lock:
            if self._version == 0:
                self._version, self._items = self._snapshot_before(self.version)
                self._saved = self._version
            for row in self._rows(self._version, None):
                self._advance(*folded(self._items, row))

    def _advance(self, version: int, changed: Mapping[str, Item | None], edits: int) -> None:
        if self._lent:
            self._items, self._lent = dict(self._items), False
        apply(self._items, changed)
        self._version, self._in_order = version, False
        self._touched.append((version, frozenset(changed)))
        self._unsaved += edits

    def _state_at(self, version: int) -> dict[str, Item]:
        last = self.version
        if not 0 <= version <= last:
            raise BadSetting(f"there is no version {version}; the journal has 0 to {last}")
        start, items = self._snapshot_before(version)
        for row in self._rows(start, version + 1):
            apply(items, folded(items, row)[1])
        return items

    def _rows(self, after: int, before: int | None) -> list[Any]:
        query = f"SELECT {COLUMNS} FROM batches WHERE version > ? AND version < ? ORDER BY version"
        rows = self._database.read(query, after, before if before is not None else 1 << 62)
        for number, row in enumerate(rows, max(after, 0) + 1):
            if row[0] != number or row[-1] != checksum(row[:-1]):
                raise MemoryDamaged(f"journal {self._database.path}: batch {number} is damaged; restore it from a copy")
        return rows

    def _snapshot_before(self, version: int) -> tuple[int, dict[str, Item]]:
        """The last snapshot that is not after ``version``; 0 and no items where there is none that can be read."""
        query = "SELECT version, items FROM snapshots WHERE version <= ? ORDER BY version DESC LIMIT 1"
        for found, items in self._database.read(query, version):
            with suppress(zlib.error, ValueError):
                read = (decode(Item, data) for data in json.loads(zlib.decompress(items)))
                return found, {item.id: item for item in read}
        return 0, {}

    def _snapshot_when_due(self) -> None:
        if self._unsaved < max(_SNAPSHOT_EVERY, len(self._items)):
            return
        self._unsaved = 0
        last = self._database.read("SELECT ifnull(max(version), 0) FROM snapshots")[0][0]
        known, self._saved = self._saved, max(last, self._version)
        if last > known:  # another process was faster
            self._saved = last
            return
        items = zlib.compress(json.dumps([encode(item) for item in self._items.values()]).encode(), 1)
        # The batch is written; a snapshot only saves time, so that one that finds no room is no failure.
        with suppress(KnowhowError), self._database.writing() as database:
            database.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?)", (self._version, items))


def _in_order(items: dict[str, Item]) -> dict[str, Item]:
    names = sorted(items)
    return items if names == list(items) else {name: items[name] for name in names}
