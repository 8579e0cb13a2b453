"""The tasks of ScienceWorld 1.2.3: what each of the 7,207 variations asks for, and which split it is in.

The engine tells a goal only when it has loaded the variation, which takes seven minutes for all. So they lie in
``goals.json.gz``: for each task its different goals, and for each of its variations the place of its goal among them.
They were written by ``python -m knowhow.environments.science.goals FILE``.
"""

from __future__ import annotations

import functools
import gzip
import json
import sys
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from knowhow.environments.types import Split

FILE = Path(__file__).with_name("goals.json.gz")

INTRODUCTION = "Your task is to "


def kinds() -> Sequence[str]:
    """The names of the 30 tasks, in ScienceWorld's order."""
    return list(_goals())


def goal(kind: str, variation: int) -> str:
    """What the agent is asked for. Raises: KeyError, IndexError."""
    texts, places = _goals()[kind]
    return texts[places[variation]].removeprefix(INTRODUCTION)


def variations(kind: str, split: Split) -> range:
    """ScienceWorld's own division: the first half for training, a quarter for validation, the rest for the test."""
    there = len(_goals()[kind][1])
    quarter = there // 4
    parts = {"train": (0, 2 * quarter), "validation": (2 * quarter, 3 * quarter), "test": (3 * quarter, there)}
    return range(*parts[split])


def in_turn(names: Sequence[str], split: Split) -> list[tuple[str, int]]:
    """All (task, variation) of a split, one of each task in turn for as long as it has any."""
    columns = [[(name, variation) for variation in variations(name, split)] for name in names]
    return [one for row in zip_longest(*columns) for one in row if one is not None]


@functools.cache
def _goals() -> Mapping[str, tuple[list[str], list[int]]]:
    with gzip.open(FILE, "rt", encoding="utf-8") as file:
        return {kind: (texts, places) for kind, (texts, places) in json.load(file).items()}


def write(path: Path) -> None:
    """Ask the engine for every goal, in some minutes. Raises: ImportError where it is not installed."""
    from scienceworld import ScienceWorldEnv

    engine = ScienceWorldEnv("")
    goals = {}
    for kind in engine.task_names:
        told = []
        for variation in range(engine.get_max_variations(kind)):
            engine.load(kind, variation)
            told.append(engine.get_task_description())
        texts = list(dict.fromkeys(told))
        goals[kind] = (texts, [texts.index(text) for text in told])
    path.write_bytes(gzip.compress(json.dumps(goals).encode(), mtime=0))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
