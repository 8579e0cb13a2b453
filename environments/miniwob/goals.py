"""The tasks of MiniWoB++ 1.1.0: what every page asks for with each seed, and which split a seed is in.

A page tells its goal only when it is open. So the goals lie in ``goals.json.gz``: for each page those of its seeds that
differ, in what they ask for or in what is on the page. They were written by
``python -m knowhow.environments.miniwob.goals FILE``.
"""

from __future__ import annotations

import asyncio
import functools
import gzip
import json
import sys
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from knowhow.environments.browser.episode import Verdict, View, browse
from knowhow.environments.miniwob import pages
from knowhow.environments.types import Split

FILE = Path(__file__).with_name("goals.json.gz")
SEEDS: Mapping[Split, range] = {"train": range(40), "validation": range(40, 55), "test": range(55, 70)}

READ = """(([begin, seeds]) => seeds.map(seed => {
  eval(begin)(seed);
  const goal = core.getUtterance(), area = document.querySelector("#area") || document.body;
  const looks = [...area.querySelectorAll("*")].map(one => [one.tagName, one.value, one.checked]);
  return [goal.utterance || goal, JSON.stringify([area.textContent, looks])];
}))"""
"""The goal of each seed, and what else it puts on the page; where things lie and how they are drawn does not count."""


def kinds() -> Sequence[str]:
    """The names of the pages."""
    return list(_goals())


def goal(kind: str, seed: int) -> str:
    """What the agent is asked for. Raises: KeyError."""
    return _goals()[kind][str(seed)]


def seeds(kind: str, split: Split) -> list[int]:
    """The seeds of a page in a split."""
    return [seed for seed in map(int, _goals()[kind]) if seed in SEEDS[split]]


def in_turn(names: Sequence[str], split: Split) -> list[tuple[str, int]]:
    """All (page, seed) of a split, one of each page in turn for as long as it has any."""
    columns = [[(name, seed) for seed in seeds(name, split)] for name in names]
    return [one for row in zip_longest(*columns) for one in row if one is not None]


@functools.cache
def _goals() -> Mapping[str, Mapping[str, str]]:
    with gzip.open(FILE, "rt", encoding="utf-8") as file:
        return dict(json.load(file))


async def read(kind: str) -> dict[str, str]:
    """The goals of a page by seed, those that look alike left out. Raises: MissingExtra."""

    async def judge(view: View, answer: str | None) -> Verdict:
        every = [seed for split in SEEDS.values() for seed in split]
        for seed, (goal, look) in zip(every, await view.evaluate(READ, [pages.BEGIN, every]), strict=True):
            found.setdefault(goal + look, (str(seed), goal))
        return Verdict()

    found: dict[str, tuple[str, str]] = {}
    async with browse(pages.visit(kind, 0, ""), judge) as env:
        await env.reset()
        await env.step(pages.NOTHING)
    return dict(found.values())


def write(path: Path) -> None:
    """Ask every page, in some minutes. Raises: MissingExtra."""
    names = sorted(page.stem for page in (pages.folder() / "miniwob").glob("*.html"))
    goals = {kind: asyncio.run(read(kind)) for kind in names}
    path.write_bytes(gzip.compress(json.dumps(goals).encode(), mtime=0))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
