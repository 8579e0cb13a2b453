"""One Chroma collection in a folder, whose every failure is ``Damaged``: the index builds another then.

With chromadb 1.5.9, a client that failed to open makes its path unusable for the rest of the process; the next attempt
takes a new path (``generations.claim``).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowhow.environments.errors import KnowhowError
from knowhow.memory.exact import Exact, Vector
from knowhow.memory.generations import Generation, claim

Marks = dict[str, str]
"""What the collection says of an item beside its vector: fields to filter by, and a digest of its text."""

Where = Mapping[str, Sequence[str]]
"""For each field, the values of which an item must have one."""

EXACT = 10_000
"""Up to so many items, a search compares with every one; beyond, it asks Chroma's approximate index."""

_HNSW = {"space": "cosine", "ef_construction": 200, "ef_search": 500, "max_neighbors": 32}
_SPARE = 10
"""Neighbours asked of Chroma beyond those wanted, so that ties at the end are settled by id and not by chance."""


class Damaged(KnowhowError):
    """Chroma cannot use its files."""


@dataclass(slots=True)
class Collection:
    """An open collection. ``marks`` are those of all its items, ``version`` the last ``stamp``."""

    marks: dict[str, Marks]
    version: int
    _most: int
    _exact: Exact | None
    _place: Generation
    _client: Any
    _collection: Any
    _batch: int

    @classmethod
    def open(cls, folder: Path, embedder: str, exact: int = EXACT) -> Collection:
        """The collection for vectors of ``embedder``, empty where there is no sound one. Raises: Damaged, OSError."""
        place = claim(folder)
        try:
            with _damage():
                return cls._at(place, embedder, exact)
        except BaseException:
            place.discard()
            raise

    @classmethod
    def _at(cls, place: Generation, embedder: str, exact: int) -> Collection:
        import chromadb
        from chromadb.config import Settings

        client: Any = chromadb.PersistentClient(place.path, settings=Settings(anonymized_telemetry=False))
        collection = client.get_or_create_collection(
            _name(embedder), embedding_function=None, configuration={"hnsw": _HNSW}
        )
        few = collection.count() <= exact
        found = collection.get(include=["metadatas", "embeddings"] if few else ["metadatas"])
        marks = dict(zip(found["ids"], found["metadatas"], strict=True))
        vectors = Exact(dict(zip(found["ids"], found["embeddings"], strict=True))) if few else None
        version = (collection.metadata or {}).get("version", 0)
        return cls(marks, version, exact, vectors, place, client, collection, client.get_max_batch_size())

    def nearest(self, vector: Vector, k: int, where: Where) -> list[tuple[str, float]]:
        """As ``Index.search``."""
        if not self.marks or k < 1 or not all(where.values()):
            return []
        if self._exact is None:
            return self._nearly(vector, k, where)
        met = {name for name, marks in self.marks.items() if all(marks.get(key) in where[key] for key in where)}
        return self._exact.nearest(vector, k, met)

    def _nearly(self, vector: Vector, k: int, where: Where) -> list[tuple[str, float]]:
        with _damage():
            found = self._collection.query(
                query_embeddings=[vector],
                n_results=min(k + _SPARE, len(self.marks)),
                where=_clause(where),
                include=["distances"],
            )
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        near = [(name, min(1.0, max(-1.0, round(1 - float(distance), 6)))) for name, distance in pairs]
        return sorted(near, key=lambda pair: (-pair[1], pair[0]))[:k]

    def put(self, marks: Mapping[str, Marks], vectors: Vector) -> None:
        """Add items, or replace them, with their vectors."""
        for start, names in self._batches(marks):
            some = vectors[start : start + len(names)]
            with _damage():
                self._collection.upsert(ids=names, embeddings=some, metadatas=[marks[name] for name in names])
        self.marks.update(marks)
        if len(self.marks) > self._most:
            self._exact = None
        if self._exact is not None:
            self._exact.put(dict(zip(marks, vectors, strict=True)))

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
        if self._exact is not None:
            self._exact.delete(names)

    def stamp(self, version: int) -> None:
        """Write down the version, last of all: a collection whose process died while changing it has the old one."""
        with _damage():
            self._collection.modify(metadata={"version": version})
        self.version = version

    def close(self) -> None:
        """Leave the files to the next process that opens them."""
        try:
            self._client.close()
            self._place.release()
        except Exception:
            self._place.discard()

    def discard(self) -> None:
        """Throw the files away."""
        with suppress(Exception):
            self._client.close()
        self._place.discard()

    def _batches(self, names: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        every = list(names)
        return ((start, every[start : start + self._batch]) for start in range(0, len(every), self._batch))


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise Damaged((str(error).splitlines() or [type(error).__name__])[0]) from error


def _name(embedder: str) -> str:
    slug = re.sub(r"[^a-zA-Z0-9]+", "-", embedder)[-40:].strip("-") or "embedder"
    return f"{slug}-{zlib.crc32(embedder.encode('utf-8', 'surrogatepass')):08x}"


def _clause(where: Where) -> dict[str, Any] | None:
    clauses = [{name: {"$in": list(values)}} for name, values in where.items()]
    if len(clauses) < 2:
        return clauses[0] if clauses else None
    return {"$and": clauses}
