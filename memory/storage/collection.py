"""One Chroma collection, in a folder or on a server, whose every failure is ``Damaged``: the index builds another then.

With chromadb 1.5.9, a client that failed to open makes its path unusable for the rest of the process; the next attempt
takes a new path (``generations.claim``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from knowhow.environments.errors import KnowhowError
from knowhow.memory.storage.exact import Marks, Where
from knowhow.memory.storage.generations import claim
from knowhow.memory.storage.vectors import Vector, slug

_HNSW = {"space": "cosine", "ef_construction": 200, "ef_search": 500, "max_neighbors": 32}
_SPARE = 10
"""Neighbours asked of Chroma beyond those wanted, so that ties at the end are settled by id and not by chance."""


class Damaged(KnowhowError):
    """Chroma cannot use its files, or its server cannot be reached."""


class Place(Protocol):
    """Where a collection is, this process's own until it is released or discarded. Raises: OSError."""

    def release(self) -> None: ...

    def discard(self) -> None: ...


@dataclass(slots=True)
class Collection:
    """An open collection, this process's own. ``marks`` are those of all its items."""

    marks: dict[str, Marks]
    _place: Place
    _client: Any
    _collection: Any
    _batch: int

    @classmethod
    def open(cls, folder: Path, embedder: str) -> Collection | None:
        """The collection for vectors of ``embedder``, empty where there is no sound one; None where another process has
        it. Raises: Damaged, OSError."""
        place = claim(folder)
        if place is None:
            return None
        try:
            with damage():
                return cls.at(place, _on_disk(place.path), slug(embedder))
        except BaseException:
            place.discard()
            raise

    @classmethod
    def at(cls, place: Place, client: Any, name: str) -> Collection:
        """The collection of this name, with all its marks."""
        collection = client.get_or_create_collection(name, embedding_function=None, configuration={"hnsw": _HNSW})
        found = collection.get(include=["metadatas"])
        marks = dict(zip(found["ids"], found["metadatas"], strict=True))
        return cls(marks, place, client, collection, client.get_max_batch_size())

    def nearest(self, vector: Vector, k: int, where: Where) -> list[tuple[str, float]]:
        """As ``Index.search``."""
        if not self.marks or k < 1 or not all(where.values()):
            return []
        with damage():
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
            with damage():
                self._collection.upsert(ids=names, embeddings=some, metadatas=[marks[name] for name in names])
        self.marks.update(marks)

    def mark(self, marks: Mapping[str, Marks]) -> None:
        """Change what is said of items that are there; their vectors stay."""
        for _, names in self._batches(marks):
            with damage():
                self._collection.update(ids=names, metadatas=[marks[name] for name in names])
        self.marks.update(marks)

    def delete(self, names: Sequence[str]) -> None:
        for _, some in self._batches(names):
            with damage():
                self._collection.delete(ids=some)
        for name in names:
            del self.marks[name]

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


def _on_disk(path: Path) -> Any:
    import chromadb
    from chromadb.config import Settings

    return chromadb.PersistentClient(path, settings=Settings(anonymized_telemetry=False))


@contextmanager
def damage() -> Iterator[None]:
    """Whatever Chroma raises inside. Raises: Damaged."""
    try:
        yield
    except Exception as error:
        raise Damaged((str(error).splitlines() or [type(error).__name__])[0]) from error


def _clause(where: Where) -> dict[str, Any] | None:
    clauses = [{name: {"$in": list(values)}} for name, values in where.items()]
    if len(clauses) < 2:
        return clauses[0] if clauses else None
    return {"$and": clauses}
