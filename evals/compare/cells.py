"""Cells played: each learns, where it does, and is measured, in run folders of its own, so that all of them go on where
they were interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from knowhow.agents.metering import Meter
from knowhow.environments.errors import KnowhowError
from knowhow.environments.types import Usage
from knowhow.evals import learn, run
from knowhow.evals.compare.plan import Cell, Plan
from knowhow.evals.folder import RunFolder, read_about, read_result
from knowhow.evals.settings import Settings
from knowhow.evals.watch import Silent, Watch

Watching = Callable[[str], AbstractContextManager[Watch]]
"""By the name of a cell: what is told of it while it is played."""

LEARNED, PLAYED = "learned", "played"


def unwatched(cell: str) -> AbstractContextManager[Watch]:
    return nullcontext(Silent())


async def play(plan: Plan, cells: Sequence[Cell], out: Path, watch: Watching, at_once: int) -> None:
    """All cells, so many at a time, within the one budget; finished ones are left as they are.

    Where the budget ends, what it cut off stays unfinished. Raises: KnowhowError of the first cell that cannot be
    played.
    """
    meter = Meter(plan.budget, spent(out))
    room, learning = asyncio.Semaphore(at_once), dict[str, asyncio.Lock]()

    async def one(cell: Cell) -> None:
        async with learning.setdefault(cell.learned if cell.learn else cell.name, asyncio.Lock()), room:
            with watch(f"{cell.arm} {cell.suite} {cell.seed}") as told:
                await _play(cell, out, told, meter)

    try:
        async with asyncio.TaskGroup() as group:
            for cell in cells:
                group.create_task(one(cell))
    except* KnowhowError as errors:
        raise _first(errors) from None


def folder_of(cell: Cell, out: Path) -> Path:
    """The run folder in which the cell is measured."""
    return out / PLAYED / cell.name


def learned_in(cell: Cell, out: Path) -> Path | None:
    """The run folder in which the cell learns, if it does."""
    return out / LEARNED / cell.learned if cell.learn else None


def spent(out: Path) -> Usage:
    """What all cells have spent so far, those of learning too."""
    total = Usage()
    for path in [*(out / LEARNED).glob("*/run.json"), *(out / PLAYED).glob("*/run.json")]:
        with RunFolder.open(path.parent, lock=False) as folder:
            total += folder.spent
    return total


def unfinished(path: Path) -> bool:
    """Whether there is no result, or the budget cut off some of it."""
    result = read_result(path)
    if result is None:
        return True
    if "rounds" in result and len(result["rounds"]) < read_about(path)["settings"]["rounds"]:
        return True
    reports = [result[name] for name in ("before", "after", "withheld") if name in result] or [result]
    return any(report["unfinished"] for report in reports)


async def _play(cell: Cell, out: Path, watch: Watch, meter: Meter) -> None:
    play, learned = cell.play, learned_in(cell, out)
    if cell.learn and learned:
        await _finish(learn.start, learn.resume, cell.learn, learned, watch, meter)
        if unfinished(learned):
            return
        memory = str(learned) if cell.learn.memory != "none" else "none"
        play = replace(play, memory=memory, adapters=str(learned) if cell.learn.train_every else play.adapters)
    await _finish(run.run, run.resume, play, folder_of(cell, out), watch, meter)


async def _finish(start: Any, resume: Any, settings: Settings, path: Path, watch: Watch, meter: Meter) -> None:
    if not (path / "run.json").exists():
        await start(settings, path, watch, within=meter)
    elif unfinished(path):
        await resume(path, watch, within=meter, concurrency=settings.concurrency)


def _first(errors: BaseExceptionGroup[KnowhowError]) -> KnowhowError:
    found: BaseException = errors
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, KnowhowError)
    return found
