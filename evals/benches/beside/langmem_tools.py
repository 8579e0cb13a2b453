"""langmem's two tools, to search and to manage memories, over LangGraph's InMemoryStore."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from knowhow.evals.benches.beside.langgraph_store import NAMESPACE, filled
from knowhow.evals.benches.beside.measuring import DIMENSIONS, NEAREST, Given, Stub, main, milliseconds, triples
from knowhow.evals.benches.beside.stub import vector
from knowhow.evals.benches.beside.writing import Store

PROCESSES = "its store is in the memory of one process; several need a PostgreSQL server"


def run(given: Given) -> dict[str, Any]:
    stub = Stub(given)
    store, langmem = filled(given, stub), import_module("langmem")
    search = langmem.create_search_memory_tool(NAMESPACE, store=store)
    manage = langmem.create_manage_memory_tool(NAMESPACE, store=store)

    def delta(change: tuple[int, str, str]) -> None:
        _, new, other = change
        name = manage.invoke({"action": "create", "content": new}).split()[-1]
        manage.invoke({"action": "update", "id": name, "content": other})
        manage.invoke({"action": "update", "id": name, "content": new})

    return {
        "recall_8_ms": milliseconds(lambda q: search.invoke({"query": q, "limit": NEAREST}), given.queries[:12], stub),
        "delta_of_3_ms": milliseconds(delta, triples(given), stub),
        "note": "in memory only",
    }


def store(folder: Path, shared: bool) -> Store:
    index = {"dims": DIMENSIONS, "embed": lambda texts: list(map(vector, texts)), "fields": ["content"]}
    kept = import_module("langgraph.store.memory").InMemoryStore(index=index)
    manage = import_module("langmem").create_manage_memory_tool(NAMESPACE, store=kept)

    def write(text: str) -> None:
        manage.invoke({"action": "create", "content": text})

    return write, lambda: len(kept.search(NAMESPACE, limit=1_000_000))


if __name__ == "__main__":
    main(run, "langmem", "langgraph", "numpy")
