"""The index: items by nearness of meaning, in a Chroma collection that can be thrown away at any time and is rebuilt.

The journal is the truth. At start the index is checked against it; a damaged or different index is built again. Where
several processes use one memory, one has the index in the folder and each other builds its own for as long as it runs.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

from knowhow.environments.errors import KnowhowError
from knowhow.memory.collection import EXACT, Collection, Damaged, Marks, Where
from knowhow.memory.types import Embedder, Item

_log = logging.getLogger(__name__)


class Index:
    """Nearest items by cosine similarity, exactly up to ``exact`` items and nearly beyond. ``folder`` is its own."""

    def __init__(self, folder: str | Path, embedder: Embedder, exact: int = EXACT) -> None:
        self._folder, self._embedder, self._exact = Path(folder), embedder, exact
        self._lock = threading.RLock()
        self._collection: Collection | None = None
        self._items: Mapping[str, Item] = {}

    @property
    def version(self) -> int:
        """The journal's version at the last ``sync``; 0 before the first."""
        return self._collection.version if self._collection else 0

    def ids(self) -> set[str]:
        """The ids of the items that it holds; none before the first ``sync``."""
        return set(self._collection.marks) if self._collection else set()

    def sync(self, items: Mapping[str, Item], version: int) -> None:
        """Make the index hold exactly ``items``, which are the journal's at ``version``.

        A damaged or foreign index is rebuilt. Raises: KnowhowError where that fails too, as on a full disk.
        """
        with self._lock:
            try:
                self._bring(items, version)
            except (OSError, Damaged) as error:
                self._rebuild(items, version, str(error))

    def search(self, text: str, k: int = 10, where: Where | None = None) -> list[tuple[str, float]]:
        """The ids of at most ``k`` items nearest to ``text``, with their cosine similarity in [-1, 1], nearest first.

        ``where`` gives, for ``kind``, ``suite``, ``task_kind`` or ``status``, the values of which an item must have
        one. Items of the same similarity come in the order of their ids. Before the first ``sync`` there are none.
        """
        with self._lock:
            if self._collection is None:
                return []
            vector = self._embedder([text])[0]
            try:
                return self._collection.nearest(vector, k, where or {})
            except Damaged as error:
                return self._rebuild(self._items, self.version, str(error)).nearest(vector, k, where or {})

    def close(self) -> None:
        """Let go of the files; the next ``sync`` opens them again."""
        with self._lock:
            if self._collection:
                self._collection.close()
            self._forget()

    def _bring(self, items: Mapping[str, Item], version: int) -> Collection:
        if self._collection is None:
            self._collection = Collection.open(self._folder, self._embedder.name, self._exact)
            _check(self._collection, items, version)
        self._write(self._collection, items)
        if self._collection.version != version:
            self._collection.stamp(version)
        self._items = items
        return self._collection

    def _write(self, to: Collection, items: Mapping[str, Item]) -> None:
        to.delete([name for name in to.marks if name not in items])
        # The journal hands out the same object for an item that did not change.
        touched = {name: _marks(item) for name, item in items.items() if self._items.get(name) is not item}
        changed = {name: marks for name, marks in touched.items() if to.marks.get(name) != marks}
        same_text = {name for name, marks in changed.items() if to.marks.get(name, {}).get("digest") == marks["digest"]}
        to.mark({name: changed[name] for name in changed if name in same_text})
        new = {name: marks for name, marks in changed.items() if name not in same_text}
        if new:
            to.put(new, self._embedder([items[name].text for name in new]))

    def _rebuild(self, items: Mapping[str, Item], version: int, reason: str) -> Collection:
        _log.warning("rebuilding the index %s: %s", self._folder, reason)
        if self._collection:
            self._collection.discard()
        self._forget()
        try:
            return self._bring(items, version)
        except (OSError, Damaged) as error:
            raise KnowhowError(f"the index {self._folder} cannot be built ({error}); see to its folder") from error

    def _forget(self) -> None:
        self._collection, self._items = None, {}


def _check(collection: Collection, items: Mapping[str, Item], version: int) -> None:
    """Raises: Damaged where the collection does not fit the journal."""
    if collection.version > version:
        raise Damaged(f"it is at version {collection.version}, ahead of the journal's {version}")
    if collection.version == version and collection.marks != {name: _marks(item) for name, item in items.items()}:
        raise Damaged(f"it does not hold the items of version {version}")


def _marks(item: Item) -> Marks:
    digest = blake2b(item.text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return {
        "kind": item.kind,
        "suite": item.suite,
        "task_kind": item.task_kind,
        "status": str(item.status),
        "digest": digest,
    }
