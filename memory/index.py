"""The index: items by nearness of meaning; whatever it holds can be thrown away at any time and is made again.

The journal is the truth, and each process brings its own index to the journal's version before it searches, so that no
search is stale, whoever wrote. Vectors come from a file that all processes share (``memory/storage/vectors.py``), and
are compared exactly, in memory. Only where there are too many for that, they stay on disk in a Chroma collection, which
one process at a time can have; the others still hold theirs in memory. That collection may be on a Chroma server.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection as Names
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from knowhow.environments.errors import KnowhowError
from knowhow.memory.storage.collection import Collection, Damaged
from knowhow.memory.storage.exact import Exact, Marks, Where
from knowhow.memory.storage.server import open_on
from knowhow.memory.storage.vectors import Vector, Vectors, digest
from knowhow.memory.types import Embedder, Item

EXACT = 200_000
"""Up to so many items are held in memory (2 kB each with 512 dimensions, and a quarter of that for their copies)."""
_AT_ONCE = 10_000
_log = logging.getLogger(__name__)


class Table(Protocol):
    """Where vectors and marks are: ``Exact`` in memory, ``Collection`` on disk."""

    marks: dict[str, Marks]

    def put(self, marks: Mapping[str, Marks], vectors: Vector) -> None: ...
    def mark(self, marks: Mapping[str, Marks]) -> None: ...
    def delete(self, names: Sequence[str]) -> None: ...
    def nearest(self, vector: Vector, k: int, where: Where) -> list[tuple[str, float]]: ...
    def close(self) -> None: ...
    def discard(self) -> None: ...


class Index:
    """Nearest items by cosine similarity, exactly up to ``exact`` items and nearly beyond. ``folder`` is its own.

    ``server`` is the URL of a Chroma server that holds the vectors, however many; while it cannot be reached, they are
    held in memory.
    """

    def __init__(self, folder: str | Path, embedder: Embedder, exact: int = EXACT, server: str = "") -> None:
        self._folder, self._embedder, self._server = Path(folder), embedder, server
        self._exact = -1 if server else exact
        self._lock = threading.RLock()
        self._table: Table | None = None
        self._vectors: Vectors | None = None
        self._items: Mapping[str, Item] = {}
        self._version, self._asked_chroma = 0, False

    @property
    def version(self) -> int:
        """The journal's version at the last ``sync``; 0 before the first."""
        return self._version

    def ids(self) -> set[str]:
        """The ids of the items that it holds; none before the first ``sync``."""
        return set(self._table.marks) if self._table else set()

    def sync(self, items: Mapping[str, Item], version: int, touched: Names[str] | None = None) -> None:
        """Make the index hold exactly ``items``, which are the journal's at ``version``.

        ``touched`` names at least all that changed since the last ``sync``; None compares every item. What is damaged
        is built again. Raises: KnowhowError where that fails too, as on a full disk.
        """
        with self._lock:
            try:
                self._bring(items, version, touched)
            except (OSError, Damaged) as error:
                self._rebuild(items, version, str(error))

    def search(self, text: str, k: int = 10, where: Where | None = None) -> list[tuple[str, float]]:
        """The ids of at most ``k`` items nearest to ``text``, with their cosine similarity in [-1, 1], nearest first.

        ``where`` gives, for ``kind``, ``suite``, ``task_kind`` or ``status``, the values of which an item must have
        one. Items of the same similarity come in the order of their ids. Before the first ``sync`` there are none.
        """
        with self._lock:
            if self._table is None:
                return []
            vector = self._embedder([text])[0]
            try:
                return self._table.nearest(vector, k, where or {})
            except Damaged as error:
                return self._rebuild(self._items, self._version, str(error)).nearest(vector, k, where or {})

    def close(self) -> None:
        """Let go of the files; the next ``sync`` opens them again."""
        with self._lock:
            if self._table:
                self._table.close()
            if self._vectors:
                self._vectors.close()
            self._forget()

    def _bring(self, items: Mapping[str, Item], version: int, touched: Names[str] | None) -> Table:
        if self._table is None or (len(items) > self._exact and not self._asked_chroma):
            self._table, self._items, touched = self._new_table(len(items) > self._exact), {}, None
        table = self._table
        names = items.keys() | table.marks.keys() if touched is None else touched
        table.delete([name for name in names if name in table.marks and name not in items])
        # The journal hands out the same object for an item that did not change.
        changed = [name for name in names if name in items and self._items.get(name) is not items[name]]
        marks = {name: _marks(items[name]) for name in changed}
        told = {name: said for name, said in marks.items() if table.marks.get(name) != said}
        same_text = {name for name, said in told.items() if table.marks.get(name, {}).get("digest") == said["digest"]}
        table.mark({name: told[name] for name in told if name in same_text})
        self._put(table, items, {name: said for name, said in told.items() if name not in same_text})
        self._items, self._version = items, version
        return table

    def _new_table(self, many: bool) -> Table:
        self._asked_chroma = many
        found = self._collection() if many else None
        return Exact() if found is None else found

    def _collection(self) -> Collection | None:
        if not self._server:
            return Collection.open(self._folder / "chroma", self._embedder.name)
        try:
            return open_on(self._server, self._folder / "chroma-server", self._embedder.name)
        except Damaged as error:
            _log.warning("vectors are held in memory, because the server %s fails: %s", self._server, error)
            return None

    def _put(self, table: Table, items: Mapping[str, Item], marks: Mapping[str, Marks]) -> None:
        names = list(marks)
        if names and self._vectors is None:
            self._vectors = Vectors(self._folder, self._embedder)
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            assert self._vectors
            table.put({name: marks[name] for name in some}, self._vectors.of([items[name].text for name in some]))

    def _rebuild(self, items: Mapping[str, Item], version: int, reason: str) -> Table:
        _log.warning("rebuilding the index %s: %s", self._folder, reason)
        if self._table:
            self._table.discard()
        self._forget()
        try:
            return self._bring(items, version, None)
        except (OSError, Damaged) as error:
            raise KnowhowError(f"the index {self._folder} cannot be built ({error}); see to its folder") from error

    def _forget(self) -> None:
        self._table, self._vectors, self._items = None, None, {}
        self._version, self._asked_chroma = 0, False


def _marks(item: Item) -> Marks:
    return {
        "kind": item.kind,
        "suite": item.suite,
        "task_kind": item.task_kind,
        "status": str(item.status),
        "digest": digest(item.text),
    }
