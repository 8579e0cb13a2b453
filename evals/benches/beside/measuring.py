"""What every memory is given, and how its time is taken: the same texts, one stub embedder, medians.

The texts are random sentences, their vectors random and of length one; both follow from the count alone, so that every
process has the same. Nothing of Knowhow is used here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

DIMENSIONS = 384
QUERIES, CHANGES = 40, 120
NEAREST = 8
_WORDS = (
    *("open", "close", "heat", "cool", "clean", "put", "take", "find", "look", "never", "always", "before", "after"),
    *("fridge", "microwave", "sink", "cabinet", "drawer", "mug", "plate", "apple", "knife", "lamp", "desk", "door"),
)


@dataclass(frozen=True)
class Given:
    """``count`` items, texts to ask for, texts to add, and an empty ``folder``."""

    count: int
    folder: Path

    @cached_property
    def texts(self) -> list[str]:
        return [_sentence(f"Lesson {number}", number) for number in range(self.count)]

    @cached_property
    def queries(self) -> list[str]:
        return [_sentence(f"Task {number}", -number) for number in range(QUERIES)]

    @cached_property
    def more(self) -> list[str]:
        return [_sentence(f"More {number}", 7 * number) for number in range(2 * CHANGES)]

    @cached_property
    def vectors(self) -> Any:
        """Of the texts, the queries and more, in this order: an array of shape (all, ``DIMENSIONS``)."""
        import numpy as np

        rows = np.random.default_rng(0).standard_normal((self.count + QUERIES + 2 * CHANGES, DIMENSIONS), np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Stub:
    """The embedder of all: it looks vectors up, and counts the seconds ``spent`` in doing so."""

    def __init__(self, given: Given) -> None:
        self.vectors, self.spent = given.vectors, 0.0
        self._rows = {text: row for row, text in enumerate([*given.texts, *given.queries, *given.more])}

    def __call__(self, texts: Sequence[str]) -> Any:
        began = perf_counter()
        found = self.vectors[[self._rows[text] for text in texts]]
        self.spent += perf_counter() - began
        return found

    def lists(self, texts: Sequence[str]) -> list[list[float]]:
        began = perf_counter()
        found: list[list[float]] = self.vectors[[self._rows[text] for text in texts]].tolist()
        self.spent += perf_counter() - began
        return found


def milliseconds(action: Callable[[Any], Any], on: Sequence[Any], stub: Stub | None = None) -> float:
    """The median time of the action on each of these, without what the stub took; the first warms up."""
    taken = []
    for one in on:
        spent = stub.spent if stub else 0.0
        began = perf_counter()
        action(one)
        taken.append(perf_counter() - began - ((stub.spent - spent) if stub else 0.0))
    return round(1000 * median(taken[1:]), 4)


def triples(given: Given) -> list[tuple[int, str, str]]:
    """Deltas: the number of the change, a text to add, and a text for an item that is there."""
    return [(turn, given.more[2 * turn], given.more[2 * turn + 1]) for turn in range(CHANGES)]


def true_ids(given: Given, query: int) -> list[str]:
    """The ids, such as ``str-000012``, of the texts whose vectors are nearest to the query's."""
    cosines = given.vectors[: given.count] @ given.vectors[given.count + query]
    return [f"str-{row:06d}" for row in (-cosines).argsort()[:NEAREST]]


def main(run: Callable[[Given], dict[str, Any]], *packages: str) -> None:
    """Print what ``run`` found with as many items as the command line says, and the versions of the packages."""
    with TemporaryDirectory() as folder:
        figures = run(Given(int(sys.argv[1]), Path(folder)))
    print(json.dumps({"versions": {package: version(package) for package in packages}, **figures}))


def _sentence(head: str, seed: int) -> str:
    random = Random(seed)
    return f"{head}: {' '.join(random.choice(_WORDS) for _ in range(12))}."
