"""What the memory's own operations cost as it grows: opening, listing, searching, committing, recalling.

    python -m knowhow.evals.benches.memory_scale

Half of the items are in a playbook, the rest of three other kinds, a tenth of all retired. Prints one JSON object: for
each number of items, medians in milliseconds. "After a commit" is the first time that an operation sees a new version.
Vectors are the stub's of ``beside/measuring.py``; looking them up is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from langchain_core.messages import AIMessage

from knowhow.agents.types import Query, Recalled, Turn
from knowhow.environments.types import Task
from knowhow.evals.benches.beside.knowhow_memory import Named, delta
from knowhow.evals.benches.beside.measuring import NEAREST, Given, milliseconds, triples
from knowhow.memory.banks.playbook import Playbook
from knowhow.memory.fold import add
from knowhow.memory.recall import recall_of
from knowhow.memory.store import Memory
from knowhow.memory.types import Item, Status

KINDS = ("playbook", "case", "playbook", "skill", "playbook", "manual")


def item(number: int, text: str) -> Item:
    status = Status.RETIRED if number % 10 == 9 else Status.CANDIDATE
    origin = {"suite": "household", "split": "train", "sources": (f"ep-{number}",), "tasks": (f"household/t{number}",)}
    return Item(f"str-{number:06d}", KINDS[number % len(KINDS)], text, status=status, **origin)  # type: ignore[arg-type]


def measure(given: Given) -> dict[str, float]:
    """The medians with ``given.count`` items."""
    stub = Named(given)
    with Memory.open(given.folder, embedder=stub, create=True) as memory:
        began = perf_counter()
        for start in range(0, given.count, 1_000):
            texts = given.texts[start : start + 1_000]
            memory.commit([add(item(number, text)) for number, text in enumerate(texts, start)])
        built = {"commit_of_1000_ms": 1_000_000 * (perf_counter() - began) / given.count}
        search = partial(memory.search, k=NEAREST, kind="playbook", suite="household", task_kind="put")
        recall = _recall(memory)
        changes = triples(given)
        after: dict[str, Callable[[], Any]] = {
            "items_after_commit_ms": lambda: memory.items("playbook"),
            "search_after_commit_ms": lambda: search(given.queries[0]),
        }
        figures = {
            "items_ms": milliseconds(lambda _: memory.items("playbook"), range(20)),
            "search_ms": milliseconds(search, given.queries, stub),
            "recall_ms": milliseconds(lambda _: recall(given.queries[0]), range(6), stub),
            "commit_of_3_ms": milliseconds(partial(delta, memory), changes[:40], stub),
        }
        for share, (name, look) in enumerate(after.items()):
            figures[name] = _after(memory, look, changes[40 + 30 * share : 70 + 30 * share], stub)
    return {name: round(value, 3) for name, value in {**built, **figures, **_opening(given, stub)}.items()}


def _after(memory: Memory, look: Callable[[], Any], changes: list[tuple[int, str, str]], stub: Named) -> float:
    left = iter(changes)

    def once(_: int) -> float:
        delta(memory, next(left))
        spent, began = stub.spent, perf_counter()
        look()
        return perf_counter() - began - (stub.spent - spent)

    taken = sorted(once(turn) for turn in range(len(changes)))
    return 1000 * taken[len(taken) // 2]


def _recall(memory: Memory) -> Callable[[str], Recalled]:
    async def silent(turn: Turn) -> AIMessage:
        raise NotImplementedError("nothing is learned here")

    recall = recall_of(memory, [Playbook(memory, silent, most=NEAREST)])

    async def ask(text: str) -> Recalled:
        kind, goal = text.split(" ", 1)
        return await recall(Query(Task("none", "household", "train", kind, goal), ""))

    return lambda text: asyncio.run(ask(text))


def _opening(given: Given, stub: Named) -> dict[str, float]:
    def opened(_: int) -> None:
        with Memory.open(given.folder, embedder=stub):
            pass

    def searched(_: int) -> None:
        with Memory.open(given.folder, embedder=stub) as memory:
            memory.search(given.queries[0], NEAREST, kind="playbook")

    return {
        "open_ms": milliseconds(opened, range(4)),
        "open_and_search_ms": milliseconds(searched, range(4), stub),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--items", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options = parser.parse_args()
    figures = {}
    for count in options.items:
        with TemporaryDirectory() as folder:
            figures[str(count)] = measure(Given(count, Path(folder)))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
