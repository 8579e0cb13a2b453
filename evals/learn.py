"""``knowhow evolve``: the evolution loop wired to a suite, a model and a memory, with its controls."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from knowhow.agents.metering import Meter
from knowhow.agents.rollout import Job
from knowhow.agents.types import Recall
from knowhow.environments.discover import split_list
from knowhow.environments.errors import BadSetting, BudgetExceeded, MemoryDamaged
from knowhow.environments.types import Split, StopReason, Task, Trajectory
from knowhow.evals.curriculum import Plan, open_curriculum
from knowhow.evals.folder import RunFolder, write_json
from knowhow.evals.leaks.guard import between_splits, refuse_copies
from knowhow.evals.prove import Trial
from knowhow.evals.provenance import made_with
from knowhow.evals.retrain import Trainer, check_training
from knowhow.evals.run import banks_of
from knowhow.evals.settings import Settings
from knowhow.evals.stage import Stage, check, open_mind, open_stage, open_suite, withheld
from knowhow.evals.tasks import chained, draw, jobs
from knowhow.evals.watch import Silent, Watch
from knowhow.memory.codec import encode
from knowhow.memory.evolve import Evolution, Phases, evolve
from knowhow.memory.journal import Journal
from knowhow.memory.learning import learned
from knowhow.memory.promote import evidence_kept
from knowhow.memory.proof.withhold import some_withheld
from knowhow.memory.review import pending
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit

CHECKPOINTS = "checkpoints.db"
COMPARED = 100
"""Validation tasks that are held against training tasks before a run begins."""


async def start(
    settings: Settings,
    out: Path,
    watch: Watch = Silent(),  # noqa: B008 - it has no state
    within: Meter | None = None,
) -> dict[str, Any]:
    """A new run in the folder ``out``, to its end. ``within``: what it spends counts there too. Raises: KnowhowError
    for settings that cannot be used."""
    banks, inherited = _memory_asked(settings.memory)
    settings = replace(settings, memory=", ".join(banks), split=settings.split or "train")
    _check(settings)
    if not settings.allow_leaks:
        refuse_copies(await between_splits(open_suite(settings.suite), "validation", COMPARED), settings.suite)
    with RunFolder.create(out, "evolve", settings, lambda path: _fill(path, inherited)) as folder:
        return await _go_on(folder, watch, within)


async def resume(
    path: Path,
    watch: Watch = Silent(),  # noqa: B008 - it has no state
    within: Meter | None = None,
    **changed: Any,
) -> dict[str, Any]:
    """The run in ``path`` from where it was interrupted; a finished one gives its result again.

    ``changed``: budgets or concurrency to go on with, where the run's own were too small. Raises: KnowhowError.
    """
    with RunFolder.open(path) as folder:
        folder.change(changed)
        if folder.kind != "evolve":
            raise BadSetting(f"{path} was made by `knowhow run`; go on with it by knowhow run --resume {path}")
        if not (path / CHECKPOINTS).exists():
            raise MemoryDamaged(f"{path} has no {CHECKPOINTS}, it is half deleted; restore it from a copy")
        return await _go_on(folder, watch, within, reopen=bool(changed))


async def _go_on(
    folder: RunFolder, watch: Watch, within: Meter | None = None, *, reopen: bool = False
) -> dict[str, Any]:
    stage = open_stage(folder, watch, within)
    with Memory.open(folder.path, embedder=folder.settings.embedder, index=folder.settings.index) as memory:
        loop = _Loop(stage, memory)
        before = await loop.measure("before", 0)
        done = await evolve(
            loop.phases(),
            rounds=folder.settings.rounds,
            version=memory.version,
            checkpoints=folder.path / CHECKPOINTS,
            reopen=reopen,
            on_round=watch.round,
        )
        final = done.memory_version
        after = await loop.measure("after", final)
        control = await loop.measure("withheld", final)
        await stage.model.aclose()
        result = _result(folder.path, done, before, after, control, loop.gate_overlap)
        result["waiting"] = len(pending(memory))
        result["made_with"] = made_with(folder.settings)
    write_json(folder.path / "result.json", result)
    return result


def _result(
    path: Path, done: Evolution, before: dict[str, Any], after: dict[str, Any], control: dict[str, Any], overlap: int
) -> dict[str, Any]:
    return {
        "run": str(path),
        "rounds": [encode(one) for one in done.rounds],
        "before": before,
        "after": after,
        "withheld": control,
        "memory_version": done.memory_version,
        "gate_overlap": overlap,
    }


class _Loop:
    """The phases of ``memory/evolve.py`` over one stage and memory."""

    def __init__(self, stage: Stage, memory: Memory) -> None:
        self.stage, self.memory = stage, memory
        self.settings = stage.settings
        self.mind = open_mind(self.settings, split_list(self.settings.memory), memory, stage.model, stage.suite)
        self.recall = self.mind.recall
        self.trial = Trial(self.settings, memory, stage.folder.episodes, self.recall, self._play)
        self.plan = Plan(stage)
        self.trainer = Trainer(stage, memory, self.recall)
        self.spent = False

    def phases(self) -> Phases:
        return Phases(self.acquire, self.refine, self.update, self.evaluate, self.rollback, lambda: self.spent)

    async def acquire(self, round: int) -> Sequence[Trajectory]:
        """A round's share of the training episodes, in the order in which they walk the training tasks; in several
        waves where tasks are chained, each with what the ones before it taught."""
        try:
            waves = await self._waves(round)
        except BudgetExceeded:  # by a curriculum that asks the model
            self.spent = True
            return []
        recall = some_withheld(self.recall, self.settings.withhold_rate)
        played: list[Trajectory] = []
        for number, wave in enumerate(waves, 1):
            trajectories = await self._play("train", round, wave, recall)
            played += trajectories
            if number < len(waves):
                await self._teach(round, number, trajectories)
        return played

    async def refine(self, round: int, trajectories: Sequence[Trajectory]) -> Sequence[Edit]:
        """What the finished episodes say of the lessons there are, and what the banks learn of them; without labels,
        where the run says so, nothing can be said of the former."""
        weighed = await self.trial.edits(round, _whole(trajectories)) if self.settings.labels else []
        last = len((await self._waves(round))[-1]) if trajectories else 0
        return weighed + await self._learned(round, trajectories[-last:])

    async def _teach(self, round: int, wave: int, trajectories: Sequence[Trajectory]) -> None:
        """What a wave taught, written at once; the round's decision covers it."""
        key = f"{self._key('wave', round)}/{wave}"
        if self.memory.journal.done(key) is None:
            edits = await self._learned(round, trajectories)
            self.memory.commit(edits, note=f"round {round}, wave {wave}", key=key)

    async def _learned(self, round: int, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """What the banks learn of finished episodes; nothing where the budget ends on the way."""
        self.stage.watch.phase(f"reflect {round}", 0)
        try:
            return await learned(self.memory, self.mind.learners, self._seen(trajectories), self.settings.review)
        except BudgetExceeded:
            self.spent = True
            return []

    def _seen(self, trajectories: Sequence[Trajectory]) -> list[Trajectory]:
        """What may teach: whole episodes, with or without labels as the run says."""
        whole = _whole(trajectories)
        return whole if self.settings.labels else [trajectory.without_labels() for trajectory in whole]

    async def update(self, round: int, edits: Sequence[Edit]) -> int:
        if edits:
            self.memory.commit(edits, note=f"round {round}", key=self._key("update", round))
        await self.trainer.after(round)
        return self.memory.version

    async def evaluate(self, round: int) -> list[float] | None:
        """Success on the gate's validation tasks, the same ones and seeds every round; None in online mode, which has
        no gate."""
        if self.settings.mode == "online" or self.spent:
            return None
        tasks = self._validation(0)
        played = await self._play("validation", round, jobs(tasks, self.settings.seed, "gate"), self.recall)
        return [trajectory.reward or 0.0 for trajectory in played] if not self.spent else None

    def rollback(self, round: int, version: int) -> int:
        """Back to the memory of ``version``, but for what was found out meanwhile about the items that it holds."""
        journal, note = self.memory.journal, f"round {round} did not prove itself on validation"
        back = journal.rollback(version, note=note, key=self._key("rollback", round))
        kept = evidence_kept(journal.log(after=version, before=back), journal.items(back))
        if not kept:
            return back
        return self.memory.commit(kept, note=f"what round {round} found out", key=self._key("kept", round))

    def _key(self, deed: str, round: int) -> str:
        """Each of this run's deeds once; a memory that was carried over has those of its earlier runs."""
        return f"{self.stage.folder.id}/{deed}/{round}"

    async def measure(self, phase: str, version: int) -> dict[str, Any]:
        """One of the three reports on validation tasks that the gate never used (as far as the split has enough)."""
        recall = {"after": self.recall, "withheld": withheld(self.recall)}.get(phase)
        tasks = self._validation(self.settings.validation)
        todo = jobs(tasks, self.settings.seed, "report")
        played = await (
            self.stage.play(phase, 0, todo) if recall is None else self.stage.play(phase, 0, todo, recall, version)
        )
        return self.stage.summary(phase, "validation", self._noticed(played), version, len(todo))

    @property
    def gate_overlap(self) -> int:
        """How many of the reports' tasks are the gate's too, because the validation split is too small for both."""
        if self.settings.mode == "online":
            return 0
        gate = {task.id for task in self._validation(0)}
        return sum(task.id in gate for task in self._validation(self.settings.validation))

    async def _waves(self, round: int) -> list[list[Job]]:
        """A round's training episodes in the waves in which they are played."""
        share = self._shares()[round - 1]
        tasks = await self.plan.tasks(round, share)
        waves = chained(jobs(tasks, self.settings.seed, "train", start=share.start), self.settings.chain)
        numbers = iter(range(len(tasks)))
        return [[replace(job, index=next(numbers)) for job in wave] for wave in waves]

    def _shares(self) -> list[range]:
        """The places of each round's episodes among all of them."""
        episodes, rounds = self.settings.episodes, self.settings.rounds
        bounds = [episodes * number // rounds for number in range(rounds + 1)]
        return [range(start, end) for start, end in pairwise(bounds)]

    def _validation(self, skip: int) -> list[Task]:
        split: Split = "validation"
        return draw(self.stage.suite, split, self.settings.validation, self.settings.seed, skip=skip)

    async def _play(self, phase: str, round: int, todo: Sequence[Job], recall: Recall) -> list[Trajectory]:
        return self._noticed(await self.stage.play(phase, round, todo, recall, self.memory.version))

    def _noticed(self, played: list[Trajectory]) -> list[Trajectory]:
        self.spent = self.spent or any(trajectory.stop is StopReason.BUDGET for trajectory in played)
        return played


def _whole(trajectories: Sequence[Trajectory]) -> list[Trajectory]:
    return [trajectory for trajectory in trajectories if trajectory.stop not in (StopReason.BUDGET, StopReason.ERROR)]


def _check(settings: Settings) -> None:
    """Raises what is wrong with the settings, before anything is written."""
    if settings.split != "train":
        why = "the test split never teaches" if settings.split == "test" else "validation is what it is measured on"
        raise BadSetting(f"evolve cannot learn from the split {settings.split}: {why}; leave --split at train")
    if settings.rounds > settings.episodes:
        raise BadSetting(f"{settings.rounds} rounds want at least as many episodes, not {settings.episodes}")
    model = check(settings, settings.split, "validation")
    open_curriculum(settings, open_suite(settings.suite), model)
    check_training(settings)
    with TemporaryDirectory() as scratch, Memory.open(scratch, embedder=settings.embedder, create=True) as memory:
        open_mind(settings, split_list(settings.memory), memory, model, open_suite(settings.suite))


def _memory_asked(asked: str) -> tuple[list[str], Path | None]:
    """The banks to learn with, and the run folder to go on from, if one was named."""
    if not asked.strip():
        raise BadSetting("--memory names no bank; see `knowhow banks`")
    if Path(asked).is_dir():
        return banks_of(Path(asked)), Path(asked)
    return split_list(asked), None


def _fill(path: Path, inherited: Path | None) -> None:
    """What a run begins with: no checkpoint, and an empty memory or a copy of another run's."""
    (path / CHECKPOINTS).touch()
    if inherited is None:
        Journal.open(path / "journal.db", create=True).close()
    else:
        _copy(inherited / "journal.db", path / "journal.db")


def _copy(journal: Path, to: Path) -> None:
    """A journal, whole even while somebody writes to it. Raises: MemoryDamaged."""
    Journal.open(journal).close()
    with closing(sqlite3.connect(journal)) as old, closing(sqlite3.connect(to)) as new:
        old.backup(new)
