"""mem0 with its default store (Qdrant, in a folder), without its model: ``infer=False``, texts as they are."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

from knowhow.evals.benches.beside.measuring import DIMENSIONS, NEAREST, Given, Stub, main, milliseconds, triples
from knowhow.evals.benches.beside.stub import vector
from knowhow.evals.benches.beside.writing import Store

OWNER = {"user_id": "agent"}


class Embedding(Stub):
    def embed(self, text: str, *_: Any) -> list[float]:
        return self.lists([text])[0]

    def embed_batch(self, texts: list[str], *_: Any) -> list[list[float]]:
        return self.lists(texts)


class Hashed:
    def embed(self, text: str, *_: Any) -> list[float]:
        return vector(text)

    def embed_batch(self, texts: list[str], *_: Any) -> list[list[float]]:
        return list(map(vector, texts))


def opened(folder: Path) -> Any:
    os.environ |= {"MEM0_TELEMETRY": "False", "MEM0_DIR": str(folder / "mem0"), "OPENAI_API_KEY": "none"}
    store = {"path": str(folder / "qdrant"), "embedding_model_dims": DIMENSIONS, "on_disk": True}
    config = {
        "vector_store": {"provider": "qdrant", "config": store},
        "history_db_path": str(folder / "history.db"),
    }
    return import_module("mem0").Memory.from_config(config)


def run(given: Given) -> dict[str, Any]:
    memory = opened(given.folder)
    stub = memory.embedding_model = Embedding(given)
    client = memory.vector_store.client
    (kept,) = (one.storage.storage for name, one in client._client.collections.items() if name == "mem0")
    kept.execute("PRAGMA synchronous=OFF")  # only while it is filled: it waits for the disk with every single point
    for start in range(0, given.count, 1_000):
        some = range(start, min(start + 1_000, given.count))
        said = {"hash": "", "created_at": "2026-01-01T00:00:00+00:00", **OWNER}
        payloads = [{"data": given.texts[row], **said} for row in some]
        vectors = given.vectors[some.start : some.stop].tolist()
        memory.vector_store.insert(vectors=vectors, payloads=payloads, ids=[str(UUID(int=row)) for row in some])
    kept.execute("PRAGMA synchronous=FULL")

    def delta(change: tuple[int, str, str]) -> None:
        turn, new, other = change
        memory.add([{"role": "user", "content": new}], infer=False, **OWNER)
        memory.update(str(UUID(int=turn)), other)
        memory.update(str(UUID(int=turn + 1)), given.texts[turn])

    found = memory.search(given.queries[0], top_k=NEAREST, filters=OWNER, threshold=0.0)["results"]
    if len(found) != NEAREST:
        raise SystemExit(f"mem0 found {len(found)} memories, not {NEAREST}")
    return {
        "recall_8_ms": milliseconds(
            lambda q: memory.search(q, top_k=NEAREST, filters=OWNER, threshold=0.0), given.queries[:12], stub
        ),
        "delta_of_3_ms": milliseconds(delta, triples(given)[:20], stub),
    }


def store(folder: Path, shared: bool) -> Store:
    memory = opened(folder)
    memory.embedding_model = Hashed()

    def write(text: str) -> None:
        memory.add([{"role": "user", "content": text}], infer=False, **OWNER)

    return write, lambda: len(memory.get_all(filters=OWNER, top_k=1_000_000)["results"])


if __name__ == "__main__":
    main(run, "mem0ai", "qdrant-client")
