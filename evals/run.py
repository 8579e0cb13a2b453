"""``knowhow run``: an agent on a split of a suite, with a memory or none. Nothing is learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from knowhow.agents.types import Recall, nothing
from knowhow.environments.discover import split_list
from knowhow.evals.folder import RunFolder, read_about, write_json
from knowhow.evals.settings import Settings
from knowhow.evals.stage import Stage, check, open_mind, open_stage, withheld
from knowhow.evals.tasks import draw, jobs, repeated
from knowhow.evals.watch import Silent, Watch
from knowhow.memory.store import Memory


async def run(settings: Settings, out: Path, watch: Watch = Silent()) -> dict[str, Any]:  # noqa: B008 - it has no state
    """The result in the form of ``evals/summary.py``; episodes and result are kept in the folder ``out``.

    Raises: KnowhowError for settings that cannot be used; what happens inside an episode is data.
    """
    settings = replace(settings, split=settings.split or "validation")
    memory = open_memory_of(settings.memory) if settings.memory != "none" else None
    try:
        check(settings, settings.split)
        with RunFolder.create(out, "run", settings) as folder:
            stage = open_stage(folder, watch)
            recall, version = _recall(stage, memory, settings)
            tasks = draw(stage.suite, settings.split, settings.episodes, settings.seed)
            todo = repeated(jobs(tasks, settings.seed, settings.split), settings.attempts)
            played = await stage.play("run", 0, todo, recall, version)
            await stage.model.aclose()
            result = stage.summary("run", settings.split, played, version, len(todo))
            write_json(out / "result.json", result)
            return result
    finally:
        if memory is not None:
            memory.close()


def _recall(stage: Stage, memory: Memory | None, settings: Settings) -> tuple[Recall, int]:
    if memory is None:
        return nothing, 0
    learned = read_about(Path(settings.memory))["settings"]
    settings = replace(settings, recall=settings.recall or learned.get("recall", ""))
    recall = open_mind(settings, banks_of(Path(settings.memory)), memory, stage.model, stage.suite).recall
    return withheld(recall) if settings.withhold else recall, memory.version


def open_memory_of(path: str) -> Memory:
    """The memory in a run folder. Raises: MemoryDamaged."""
    about = read_about(Path(path))
    return Memory.open(path, embedder=about["settings"].get("embedder", "hashing"))


def banks_of(folder: Path) -> list[str]:
    """The banks that the run in ``folder`` learned with, with their settings."""
    about = read_about(folder)
    banks = about["settings"]["memory"]
    return banks_of(Path(banks)) if Path(banks).is_dir() else split_list(banks)
