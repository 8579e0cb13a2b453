"""``knowhow train``: from the episodes of runs to an adapter, its trial, and what both measured."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from knowhow.agents.metering import Meter
from knowhow.agents.model import load_model
from knowhow.agents.types import Recall, nothing
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Trajectory
from knowhow.evals.adapter_trial import put_to_trial
from knowhow.evals.folder import RunFolder, read_about
from knowhow.evals.leaks.guard import in_data, refuse
from knowhow.evals.routing import of_base, uri
from knowhow.evals.run import mind_of, open_memory_of
from knowhow.evals.stage import Stage, open_suite
from knowhow.evals.tasks import ordered
from knowhow.evals.watch import Watch
from knowhow.memory.codec import encode
from knowhow.memory.episodes import Episodes
from knowhow.memory.journal import Journal
from knowhow.memory.store import Memory
from knowhow.training.card import card, sources
from knowhow.training.recipe import judges, unwatched
from knowhow.training.registry import KIND, Registry
from knowhow.training.settings import Tuning
from knowhow.training.train import Plan, estimate, plan, train
from knowhow.training.types import AdapterStatus

LOOKED_FOR = 200
"""Test tasks that training data is searched for."""


@dataclass(frozen=True)
class Asked:
    """What to train: ``base`` is the folder of the model, ``kinds`` of tasks (none: all), ``old`` runs whose episodes
    are replayed, ``replay`` rows of theirs for each new one; ``trial`` validation episodes (0: no trial, and there is
    none for what only judges), ``remember``:
    with the run's memory in the prompt, also where the recipe plays. ``allow_leaks``: train also on what tells of test
    tasks."""

    recipe: str
    base: Path
    tuning: Tuning = field(default_factory=Tuning)
    kinds: tuple[str, ...] = ()
    old: tuple[Path, ...] = ()
    replay: float = 1.0
    trial: int = 100
    remember: bool = False
    allow_leaks: bool = False


def planned(run: Path, asked: Asked) -> Plan:
    """Raises: as ``training.train.plan``; MemoryDamaged for what is no run folder; BadSetting for episodes that tell of
    test tasks, and for a run that is replayed beside itself."""
    if any(other.resolve() == run.resolve() for other in asked.old):
        raise BadSetting(f"{run} is trained on already; name an older run by --old, or leave it out")
    with RunFolder.open(run, lock=False) as folder:
        suite = open_suite(folder.settings.suite)
    new, old = episodes_of(run), [one for other in asked.old for one in episodes_of(other)]
    made = plan(
        new,
        asked.recipe,
        asked.base,
        asked.tuning,
        old=old,
        replay=asked.replay,
        kinds=asked.kinds,
        suite=suite,
    )
    if not asked.allow_leaks and len(suite.tasks("test")):
        taught = {source.trajectory for row in made.data.rows for source in sources(row)}
        data = [one for one in (*new, *old) if one.id in taught]
        refuse(in_data(data, ordered(suite, "test", 0)[:LOOKED_FOR], suite), f"the training data of {run}")
    if not asked.remember:
        return made
    with open_memory_of(str(_memory_of(run))) as memory:
        return replace(made, recalled=_fingerprint(memory))


def _memory_of(run: Path) -> Path:
    """The run folder with the memory that the run played with: itself where it learned. Raises: BadSetting."""
    about = read_about(run)
    if about["kind"] == "evolve":
        return run
    memory = about["settings"]["memory"]
    if memory == "none":
        raise BadSetting(f"{run} was played without memory, so that there is nothing to remember; leave --remember out")
    return Path(memory)


def _fingerprint(memory: Memory) -> str:
    """The same as long as the memory offers the same; its adapters do not count."""
    offered = sorted((item.id, item.text) for item in memory.items() if item.kind != KIND)
    return hashlib.sha256(json.dumps(offered).encode()).hexdigest()


def preview(made: Plan) -> dict[str, Any]:
    """The data card, and what the training would take."""
    return {"card": card(made.data), "estimate": estimate(made)}


def carry_out(run: Path, asked: Asked, made: Plan, watch: Watch, progress: Any = unwatched) -> dict[str, Any]:
    """Train, register, and put to trial; goes on where it was interrupted, and leaves as it is what a trial or a person
    has settled. Raises: KnowhowError."""
    with RunFolder.open(run) as folder, Journal.open(run / "journal.db", create=True) as journal:
        # For the trial alone: what the folder says of the run stays.
        settings = folder.settings
        trial, model = asked.trial or settings.trial, of_base(asked.base, settings)
        folder.settings = replace(settings, trial=trial, model=model)
        registry = Registry(journal)
        stage = cache(lambda: Stage(folder, open_suite(settings.suite), load_model(model, meter=Meter()), watch))
        with _recalling(stage, asked.remember) as (recall, version):
            adapter = train(made, registry, run, progress, recall)
            if asked.trial and not judges(asked.recipe) and adapter.status is AdapterStatus.CANDIDATE:
                asyncio.run(put_to_trial(stage(), registry, adapter, recall, version))
        adapter = registry.get(adapter.id)
        return {"run": str(run), "adapter": encode(adapter), "model": uri(model, adapter, run)}


@contextmanager
def _recalling(opened: Callable[[], Stage], remember: bool) -> Iterator[tuple[Recall, int]]:
    """What the run's memory gives and its version; nothing where it is not to be remembered."""
    if not remember:
        yield nothing, 0
        return
    stage = opened()
    with mind_of(_memory_of(stage.folder.path), stage.settings, stage.model, stage.suite) as mind:
        yield mind.recall, mind.memory.version


def episodes_of(run: Path) -> Sequence[Trajectory]:
    """The episodes of a run on the training split; the others are for measuring."""
    with Episodes.open(run) as episodes:
        played = [one for phase in ("train", "run") for one in episodes.find(phase) if one.task.split == "train"]
    if not played:
        raise BadSetting(f"{run} has no episodes of the training split; play some: knowhow run --split train")
    return played
