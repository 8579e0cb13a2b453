"""LangGraph's InMemoryStore with an index: everything in this process, nothing on the disk."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from knowhow.evals.benches.beside.measuring import DIMENSIONS, NEAREST, Given, Stub, main, milliseconds, triples

NAMESPACE = ("playbook",)


def filled(given: Given, stub: Stub) -> Any:
    index = {"dims": DIMENSIONS, "embed": stub.lists, "fields": ["content"]}
    store = import_module("langgraph.store.memory").InMemoryStore(index=index)
    for number, text in enumerate(given.texts):
        store.put(NAMESPACE, f"str-{number:06d}", {"content": text})
    return store


def run(given: Given) -> dict[str, Any]:
    stub = Stub(given)
    store = filled(given, stub)

    def delta(change: tuple[int, str, str]) -> None:
        turn, new, other = change
        store.put(NAMESPACE, f"new-{turn}", {"content": new})
        store.put(NAMESPACE, f"str-{turn:06d}", {"content": other})
        store.put(NAMESPACE, f"str-{turn + 1:06d}", {"content": given.texts[turn + 1], "helpful": 1})

    def recall(query: str) -> None:
        assert len(store.search(NAMESPACE, query=query, limit=NEAREST)) == NEAREST

    return {
        "recall_8_ms": milliseconds(recall, given.queries[:12], stub),
        "delta_of_3_ms": milliseconds(delta, triples(given), stub),
        "note": "in memory only",
    }


if __name__ == "__main__":
    main(run, "langgraph", "langgraph-checkpoint", "numpy")
