"""What two runs must have in common to have come to the same: everything but clocks and the run's own name."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from knowhow.evals.settings import Settings
from knowhow.evals.watch import Silent
from knowhow.memory.codec import encode
from knowhow.memory.episodes import Episodes
from knowhow.memory.evolve import Round
from knowhow.memory.store import Memory
from knowhow.memory.types import Status

COTTAGE = f"{Path(__file__).with_name('cottage.py')}:Cottage"
HUT = COTTAGE.replace(":Cottage", ":Hut")


def small(**settings: Any) -> Settings:
    """Three rounds in the cottage: some two seconds, from no success to nearly always, as long as so few episodes all
    see every lesson."""
    few = {"withhold_rate": 0.0, "episodes": 15, "rounds": 3, "validation": 5, "concurrency": 3, "seed": 1}
    return Settings(**{"suite": COTTAGE, "split": "train", "memory": "playbook", **few, **settings})


def outcome(result: dict[str, Any]) -> dict[str, Any]:
    """A result without its clocks and its folder."""
    reports = {
        name: {key: value for key, value in result[name].items() if key != "seconds"}
        for name in ("before", "after", "withheld")
    }
    return {"rounds": result["rounds"], "memory_version": result["memory_version"], **reports}


def kept(folder: Path) -> dict[str, Any]:
    """All that a run folder keeps: every version of the memory, its items, and every episode."""
    with Memory.open(folder) as memory:
        log = [(batch.version, batch.note, [encode(edit) for edit in batch.edits]) for batch in memory.journal.log()]
        items = [encode(item) for item in memory.items(statuses=tuple(Status))]
    with Episodes.open(folder) as episodes:
        rows = [{**encode(row), "seconds": 0} for row in episodes.summaries()]
    return {"log": log, "items": items, "episodes": rows}


class Cut(Silent):
    """Cancels the task that it is made in, as Ctrl-C does, at the ``at``-th thing that it is told of."""

    def __init__(self, at: int, kinds: tuple[str, ...] = ("phase", "episode", "round")) -> None:
        self.left, self.kinds, self.told = at, kinds, list[str]()
        self._task = asyncio.current_task()

    def _note(self, kind: str, what: object) -> None:
        self.told.append(f"{kind} {what}")
        self.left -= kind in self.kinds
        if self.left == 0 and self._task is not None:
            self._task.cancel()

    def phase(self, name: str, total: int, done: int = 0) -> None:
        self._note("phase", name)

    def episode(self, trajectory: Any, spent: Any) -> None:
        self._note("episode", trajectory.task.id)

    def round(self, done: Round) -> None:
        self._note("round", done.round)
