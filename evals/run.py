"""``knowhow run``: an agent on a split of a suite, with a memory or none. Nothing is learned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from knowhow.agents.metering import Meter
from knowhow.agents.model import Model
from knowhow.agents.types import Recall, nothing
from knowhow.environments.discover import split_list
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite
from knowhow.evals.folder import RunFolder, read_about, write_json
from knowhow.evals.leaks.guard import in_memory, refuse
from knowhow.evals.provenance import made_with
from knowhow.evals.settings import Settings
from knowhow.evals.stage import Mind, Stage, check, open_mind, open_stage, withheld
from knowhow.evals.tasks import draw, jobs, repeated
from knowhow.evals.watch import Silent, Watch
from knowhow.memory.store import Memory


async def run(
    settings: Settings,
    out: Path,
    watch: Watch = Silent(),  # noqa: B008 - it has no state
    within: Meter | None = None,
) -> dict[str, Any]:
    """The result in the form of ``evals/summary.py``; episodes and result are kept in the folder ``out``.

    ``within``: what is spent counts there too. Raises: KnowhowError for settings that cannot be used; what happens
    inside an episode is data.
    """
    settings = replace(settings, split=settings.split or "validation")
    with _memory(settings) as memory:
        check(settings, settings.split)
        with RunFolder.create(out, "run", settings) as folder:
            return await _go_on(folder, memory, watch, within)


async def resume(
    path: Path,
    watch: Watch = Silent(),  # noqa: B008 - it has no state
    within: Meter | None = None,
    **changed: Any,
) -> dict[str, Any]:
    """The run in ``path`` from where it was interrupted; a finished one gives its result again. ``changed``: as for
    ``learn.resume``. Raises: KnowhowError."""
    with RunFolder.open(path) as folder:
        if folder.kind != "run":
            raise BadSetting(f"{path} was made by `knowhow evolve`; go on with it by knowhow evolve --resume {path}")
        folder.change(changed)
        with _memory(folder.settings) as memory:
            _refuse_moved(folder, memory)
            return await _go_on(folder, memory, watch, within)


async def _go_on(folder: RunFolder, memory: Memory | None, watch: Watch, within: Meter | None) -> dict[str, Any]:
    stage, settings = open_stage(folder, watch, within), folder.settings
    recall, version = _recall(stage, memory, settings)
    tasks = draw(stage.suite, settings.split, settings.episodes, settings.seed)
    if memory is not None and settings.split != "train" and not settings.allow_leaks:
        found = in_memory(memory.items(), tasks, stage.suite, learned_embedder(settings.memory))
        refuse(found, f"the memory in {settings.memory}")
    todo = repeated(jobs(tasks, settings.seed, settings.split), settings.attempts)
    played = await stage.play("run", 0, todo, recall, version)
    await stage.model.aclose()
    result = stage.summary("run", settings.split, played, version, len(todo))
    result["made_with"] = made_with(settings)
    write_json(folder.path / "result.json", result)
    return result


def _refuse_moved(folder: RunFolder, memory: Memory | None) -> None:
    """Half of a run with one memory and half with another would be neither."""
    for row in folder.episodes.summaries("run")[:1]:
        if memory is not None and row.memory_version != memory.version:
            was, now, where = row.memory_version, memory.version, folder.settings.memory
            raise BadSetting(
                f"{folder.path} was begun with version {was} of the memory in {where}, which is at {now} now; "
                f"go back to it by knowhow memory rollback {where} --to {was}, or run anew"
            )


@contextmanager
def _memory(settings: Settings) -> Iterator[Memory | None]:
    if settings.memory == "none":
        yield None
        return
    with open_memory_of(settings.memory, settings.index) as memory:
        yield memory


def _recall(stage: Stage, memory: Memory | None, settings: Settings) -> tuple[Recall, int]:
    if memory is None:
        return nothing, 0
    mind = _mind(Path(settings.memory), memory, settings, stage.model, stage.suite)
    return withheld(mind.recall) if settings.withhold else mind.recall, memory.version


@contextmanager
def mind_of(path: Path, settings: Settings, model: Model, suite: Suite) -> Iterator[Mind]:
    """The memory of a run folder in use, with the banks that it was learned by, and the policies where the settings
    name none. Raises: as ``open_memory_of``."""
    with open_memory_of(str(path)) as memory:
        yield _mind(path, memory, settings, model, suite)


def _mind(path: Path, memory: Memory, settings: Settings, model: Model, suite: Suite) -> Mind:
    recall = settings.recall or read_about(path)["settings"].get("recall", "")
    settings = replace(settings, recall=recall, embedder=learned_embedder(str(path)))
    return open_mind(settings, banks_of(path), memory, model, suite)


def open_memory_of(path: str, index: str = "") -> Memory:
    """The memory in a run folder, with its own index or one on a server. Raises: MemoryDamaged, BadSetting."""
    return Memory.open(path, embedder=learned_embedder(path), index=index)


def learned_embedder(path: str) -> str:
    """The embedder of the run in that folder. Raises: MemoryDamaged."""
    return str(read_about(Path(path))["settings"].get("embedder", "hashing"))


def banks_of(folder: Path) -> list[str]:
    """The banks that the run in ``folder`` learned with, with their settings."""
    about = read_about(folder)
    banks = about["settings"]["memory"]
    return banks_of(Path(banks)) if Path(banks).is_dir() else split_list(banks)
