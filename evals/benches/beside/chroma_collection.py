"""A bare Chroma collection on the disk, as it comes but for the cosine space, with and without a filter."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from knowhow.evals.benches.beside.measuring import NEAREST, Given, main, milliseconds, triples, true_ids

FILTER = {"$and": [{"kind": {"$in": ["playbook"]}}, {"status": {"$in": ["candidate", "active"]}}]}
MARKS = {"kind": "playbook", "status": "candidate"}


def run(given: Given) -> dict[str, Any]:
    chroma: Any = import_module("chromadb")
    settings = import_module("chromadb.config").Settings(anonymized_telemetry=False)
    client = chroma.PersistentClient(str(given.folder), settings=settings)
    collection = client.create_collection("bench", embedding_function=None, configuration={"hnsw": {"space": "cosine"}})
    for start in range(0, given.count, 5_000):
        rows = range(start, min(start + 5_000, given.count))
        ids = [f"str-{row:06d}" for row in rows]
        collection.add(ids=ids, embeddings=given.vectors[rows.start : rows.stop], metadatas=[MARKS for _ in rows])

    def nearest(number: int, **filters: Any) -> set[str]:
        query = given.vectors[given.count + number]
        found = collection.query(query_embeddings=[query], n_results=NEAREST, include=["distances"], **filters)
        return set(found["ids"][0])

    def delta(change: tuple[int, str, str]) -> None:
        rows = [given.count + 40 + 2 * change[0] + more for more in (0, 1, 0)]
        ids = [f"new-{change[0]}", f"str-{change[0]:06d}", f"str-{change[0] + 1:06d}"]
        collection.upsert(ids=ids, embeddings=given.vectors[rows], metadatas=[MARKS] * 3)

    numbers = range(len(given.queries))
    right = sum(len({*true_ids(given, number)} & nearest(number)) for number in numbers)
    return {
        "recall_8_ms": milliseconds(nearest, numbers),
        "recall_8_filtered_ms": milliseconds(lambda number: nearest(number, where=FILTER), numbers[:6]),
        "true_neighbours_found": round(right / (NEAREST * len(numbers)), 3),
        "delta_of_3_ms": milliseconds(delta, triples(given)[:12]),
    }


if __name__ == "__main__":
    main(run, "chromadb")
