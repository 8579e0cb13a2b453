"""What a bank works with: one folder that holds the journal and its index."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowhow.environments.errors import MemoryDamaged
from knowhow.memory.embed import Remembering, load_embedder
from knowhow.memory.index import Index
from knowhow.memory.journal import Journal
from knowhow.memory.storage.server import address
from knowhow.memory.types import Edit, Embedder, Item, Status

SHOWN = (Status.CANDIDATE, Status.ACTIVE)
"""The statuses of items that may be shown."""


class Memory:
    """The items in a folder: ``journal.db`` is the truth, ``index/`` is made at the first search and can be deleted.

    Any number of processes may open one folder and write; each sees what the others had acknowledged."""

    def __init__(self, journal: Journal, index: Index, embedder: Embedder) -> None:
        self.journal, self.index, self.embedder = journal, index, embedder
        self._lock = threading.Lock()
        self._listed: tuple[Mapping[str, Item], dict[tuple[str | None, ...], list[Item]]] = {}, {}

    @classmethod
    def open(
        cls, folder: str | Path, *, embedder: str | Embedder = "hashing", create: bool = False, index: str = ""
    ) -> Memory:
        """The memory in ``folder``, made there if ``create`` and there is none. ``index``: ``chroma-http://HOST:PORT``
        for a server that holds its vectors.

        Raises: MemoryDamaged where the folder holds none, a part of one, or one of another version; UnknownName or
        MissingExtra for an embedder that cannot be had; BadSetting for an index that is none.
        """
        made = Remembering(load_embedder(embedder) if isinstance(embedder, str) else embedder)
        where = Path(folder)
        _refuse_half(where)
        index_made = Index(where / "index", made, server=address(index))
        return cls(Journal.open(where / "journal.db", create), index_made, made)

    @property
    def version(self) -> int:
        return self.journal.version

    def items(self, kind: str | None = None, statuses: Sequence[Status] = SHOWN) -> list[Item]:
        """The items of a kind (None: of all) and of these statuses, by id."""
        items, wanted = self.journal.items(), (kind, *statuses)
        known, lists = self._listed
        if items is not known:
            lists = {}
            self._listed = items, lists
        if wanted not in lists:
            lists[wanted] = [i for i in items.values() if kind in (None, i.kind) and i.status in statuses]
        return list(lists[wanted])

    def search(
        self,
        text: str,
        k: int = 10,
        *,
        kind: str | None = None,
        suite: str | None = None,
        task_kind: str | None = None,
        statuses: Sequence[Status] = SHOWN,
    ) -> list[tuple[Item, float]]:
        """At most ``k`` items nearest in meaning to ``text``, with their cosine similarity in [-1, 1], nearest first.

        ``suite`` and ``task_kind`` find the items of this scope and those that are for any. None does not filter.
        """
        asked = {"kind": [kind], "suite": [suite, ""], "task_kind": [task_kind, ""], "status": statuses}
        where = {name: [str(part) for part in parts] for name, parts in asked.items() if None not in parts}
        with self._lock:
            version, items = self.journal.state()
            if self.index.version != version:
                self.index.sync(items, version, self.journal.touched(self.index.version))
            near = self.index.search(text, k, where)
        return [(items[name], similarity) for name, similarity in near if name in items]

    def commit(self, edits: Iterable[Edit], *, expected: int | None = None, note: str = "", key: str = "") -> int:
        """As ``Journal.commit``; the index follows at the next search."""
        return self.journal.commit(edits, expected=expected, note=note, key=key)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The texts as rows of length one; those embedded lately, or for the index, cost nothing."""
        return self.embedder(texts)

    def close(self) -> None:
        self.index.close()
        self.journal.close()

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _refuse_half(folder: Path) -> None:
    journal, index = folder / "journal.db", folder / "index"
    if index.exists() and not (journal.exists() and journal.stat().st_size):
        raise MemoryDamaged(f"{folder} has an index but no journal.db, it is half deleted; restore it from a copy")
