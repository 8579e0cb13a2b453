"""Knowhow: a delta is one batch on the disk; recall finds the nearest items of a kind that may be shown."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

from knowhow.evals.benches.beside.measuring import NEAREST, Given, Stub, main, milliseconds, triples, true_ids
from knowhow.evals.benches.beside.writing import Store
from knowhow.memory.fold import add
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Op


class Named(Stub):
    name = "stub"


def run(given: Given) -> dict[str, Any]:
    stub = Named(given)
    with Memory.open(given.folder, embedder=stub, create=True) as memory:
        for start in range(0, given.count, 1_000):
            texts = enumerate(given.texts[start : start + 1_000], start)
            memory.commit([add(Item(f"str-{n:06d}", "playbook", text, split="train")) for n, text in texts])
        found = recall(memory, stub, given)

        def delta_and_recall(change: tuple[int, str, str]) -> None:
            delta(memory, change)
            memory.search(given.queries[0], NEAREST, kind="playbook")

        changed = {
            "delta_of_3_ms": milliseconds(lambda one: delta(memory, one), triples(given)[:60], stub),
            "delta_of_3_then_recall_ms": milliseconds(delta_and_recall, triples(given)[60:], stub),
        }
    return {**found, **changed, **opening(stub, given)}


def recall(memory: Memory, stub: Stub, given: Given) -> dict[str, Any]:
    def nearest(query: str) -> list[str]:
        return [item.id for item, _ in memory.search(query, NEAREST, kind="playbook")]

    right = sum(len({*nearest(query)} & {*true_ids(given, number)}) for number, query in enumerate(given.queries))
    return {
        "recall_8_ms": milliseconds(nearest, given.queries, stub),
        "true_neighbours_found": round(right / (NEAREST * len(given.queries)), 3),
    }


def delta(memory: Memory, change: tuple[int, str, str]) -> None:
    turn, new, other = change
    memory.commit(
        [
            add(Item(f"new-{turn:06d}", "playbook", new, split="train")),
            Edit(Op.SET, f"str-{turn:06d}", {"text": other}),
            Edit(Op.COUNT, f"str-{turn + 1:06d}", {"helpful": 1}),
        ]
    )


def opening(stub: Named, given: Given) -> dict[str, Any]:
    began, spent = perf_counter(), stub.spent
    with Memory.open(given.folder, embedder=stub) as memory:
        opened = perf_counter() - began
        memory.search(given.queries[0], NEAREST, kind="playbook")
        first = perf_counter() - began - (stub.spent - spent)
    return {"open_ms": round(1000 * opened, 1), "open_and_recall_ms": round(1000 * first, 1)}


def store(folder: Path, shared: bool) -> Store:
    memory = Memory.open(folder / "memory", create=True)

    def write(text: str) -> None:
        memory.commit([add(Item(text, "playbook", text, split="train"))])

    return write, lambda: len(memory.items())


if __name__ == "__main__":
    main(run, "numpy", "simsimd")
