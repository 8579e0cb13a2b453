"""One Chroma collection in a folder, whose every failure is ``Damaged``: the index builds another then.

Pinned to what chromadb 1.5.9 was seen to do: a client that failed to open keeps its path unusable for the whole process
(hence ``_generation``), and a collection whose vector files are gone still lists its items (hence ``check``).
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from knowhow.environments.errors import KnowhowError

Marks = dict[str, str]
"""What the collection says of an item beside its vector: fields to filter by, and a digest of its text."""

Where = Mapping[str, Sequence[str]]
"""For each field, the values of which an item must have one."""

_HNSW = {"space": "cosine", "ef_construction": 200, "ef_search": 200}
_SURE = 10
"""Neighbours that a sound collection of at least as many items always finds."""


class Damaged(KnowhowError):
    """Chroma cannot use its files, or they are not whole."""


@dataclass(slots=True)
class Collection:
    """An open collection. ``marks`` are those of all its items, ``version`` the last ``stamp``."""

    marks: dict[str, Marks]
    version: int
    _client: Any
    _collection: Any
    _batch: int

    @classmethod
    def open(cls, folder: Path, embedder: str) -> Collection:
        """The collection for vectors of ``embedder``, empty where there is none yet. Raises: Damaged, OSError."""
        import chromadb
        from chromadb.config import Settings

        path = _generation(folder)
        with _damage():
            client: Any = chromadb.PersistentClient(path, settings=Settings(anonymized_telemetry=False))
            try:
                return cls._of(client, embedder)
            except BaseException:
                client.close()
                raise

    @classmethod
    def _of(cls, client: Any, embedder: str) -> Collection:
        collection = client.get_or_create_collection(
            _name(embedder), embedding_function=None, configuration={"hnsw": _HNSW})
        found = collection.get(include=["metadatas"])
        marks = dict(zip(found["ids"], found["metadatas"], strict=True))
        version = (collection.metadata or {}).get("version", 0)
        return cls(marks, version, client, collection, client.get_max_batch_size())

    def check(self) -> None:
        """Raises: Damaged where vectors are missing."""
        if not self.marks:
            return
        with _damage():
            some = self._collection.get(limit=1, include=["embeddings"])["embeddings"]
            near = self._collection.query(query_embeddings=some, n_results=_SURE, include=[])["ids"][0]
        if len(near) < min(_SURE, len(self.marks)):
            raise Damaged("vectors are missing")

    def nearest(self, vector: NDArray[Any], k: int, where: Where) -> list[tuple[str, float]]:
        """As ``Index.search``."""
        if not self.marks or k < 1 or not all(where.values()):
            return []
        with _damage():
            # A few more than asked for, so that ties at the end are settled by id and not by chance.
            found = self._collection.query(query_embeddings=[vector], n_results=min(k + _SURE, len(self.marks)),
                                           where=self._clause(where), include=["distances"])
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        near = [(name, min(1.0, max(-1.0, round(1 - float(distance), 6)))) for name, distance in pairs]
        return sorted(near, key=lambda pair: (-pair[1], pair[0]))[:k]

    def put(self, marks: Mapping[str, Marks], vectors: NDArray[Any]) -> None:
        """Add items, or replace them, with their vectors."""
        for start, names in self._batches(marks):
            some = vectors[start : start + len(names)]
            with _damage():
                self._collection.upsert(ids=names, embeddings=some, metadatas=[marks[name] for name in names])
        self.marks.update(marks)

    def mark(self, marks: Mapping[str, Marks]) -> None:
        """Change what is said of items that are there; their vectors stay."""
        for _, names in self._batches(marks):
            with _damage():
                self._collection.update(ids=names, metadatas=[marks[name] for name in names])
        self.marks.update(marks)

    def delete(self, names: Sequence[str]) -> None:
        for _, some in self._batches(names):
            with _damage():
                self._collection.delete(ids=some)
        for name in names:
            del self.marks[name]

    def stamp(self, version: int) -> None:
        """Write down the version, last of all: a collection whose process died while changing it has the old one."""
        with _damage():
            self._collection.modify(metadata={"version": version})
        self.version = version

    def close(self) -> None:
        with suppress(Exception):
            self._client.close()

    def _clause(self, where: Where) -> dict[str, Any] | None:
        # What every item meets is left out: to filter costs Chroma more than to search.
        met = {name: all(marks.get(name) in values for marks in self.marks.values()) for name, values in where.items()}
        clauses = [{name: {"$in": list(values)}} for name, values in where.items() if not met[name]]
        if len(clauses) < 2:
            return clauses[0] if clauses else None
        return {"$and": clauses}

    def _batches(self, names: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        every = list(names)
        return ((start, every[start : start + self._batch]) for start in range(0, len(every), self._batch))


def erase(folder: Path) -> None:
    """Delete what a collection left in ``folder``, and whatever else is at this path. Raises: OSError."""
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise Damaged((str(error).splitlines() or [type(error).__name__])[0]) from error


def _generation(folder: Path) -> str:
    """The one folder inside ``folder`` where Chroma works; its name is new after every ``erase``."""
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(folder.glob("chroma-*"))
    return str(found[0]) if found else tempfile.mkdtemp(prefix="chroma-", dir=folder)


def _name(embedder: str) -> str:
    slug = re.sub(r"[^a-zA-Z0-9]+", "-", embedder)[-40:].strip("-") or "embedder"
    return f"{slug}-{zlib.crc32(embedder.encode('utf-8', 'surrogatepass')):08x}"
