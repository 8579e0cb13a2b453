"""What ``run`` and ``evolve`` share: the suite, the metered model, the memory, and episodes played, stored and counted
by phase."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from knowhow.agents.compose import compose
from knowhow.agents.episode import Agent
from knowhow.agents.metering import Budget, Meter
from knowhow.agents.model import Model
from knowhow.agents.rollout import Job, rollout
from knowhow.agents.types import Attempt, Query, Recall, Recalled, Start, nothing
from knowhow.environments.blame import blamed
from knowhow.environments.discover import at_least, build, find, parse, split_list
from knowhow.environments.errors import BadSetting, KnowhowError
from knowhow.environments.fitting import fit
from knowhow.environments.types import StopReason, Suite, Task, Trajectory
from knowhow.evals.engine import ENGINES, Cast, Engine, load
from knowhow.evals.engines.local import Local
from knowhow.evals.folder import RunFolder
from knowhow.evals.routing import route
from knowhow.evals.settings import Settings
from knowhow.evals.summary import summarise
from knowhow.evals.tasks import draw
from knowhow.evals.watch import Watch
from knowhow.memory.journal import Journal
from knowhow.memory.recall import recall_of
from knowhow.memory.storage.server import check as check_index
from knowhow.memory.store import Memory
from knowhow.memory.types import Bank
from knowhow.training.registry import Registry

SUITES = "knowhow.environments.suites"
BANKS = "knowhow.memory.banks"
POLICIES = "knowhow.memory.policies"
MOST_FAILURES = 10
"""A phase whose first episodes all fail, so many, is given up: the model cannot be reached, say."""


@dataclass
class Stage:
    """Everything that one run works with; ``open_stage`` makes it."""

    folder: RunFolder
    suite: Suite
    model: Model
    watch: Watch
    seconds: dict[str, float] = field(default_factory=dict)
    engine: Engine = field(default_factory=Local)
    route: Callable[[str], str] | None = None
    """The URI of the model for a kind of task, where that is not always the same one."""

    @property
    def settings(self) -> Settings:
        return self.folder.settings

    def with_model(self, uri: str) -> Stage:
        """The same stage with this model for every kind of task, which spends from the same budget."""
        return replace(self, model=load(self.settings, uri, self.model.meter), route=None)

    async def play(
        self, phase: str, round: int, todo: Sequence[Job], recall: Recall = nothing, memory_version: int = 0
    ) -> list[Trajectory]:
        """The episodes of a phase; stored ones are taken as they are, so that a resumed run goes on. Where the phase
        was cut off, those that an error ended are played again: what cut it off may have been its cause.

        Raises: KnowhowError where the first episodes all fail, or so many in a row that something has broken.
        """
        settings = self.settings
        done = self._stored(phase, round)
        missing = _to_play(todo, done)
        row = deque[Trajectory](maxlen=max(MOST_FAILURES, 2 * settings.concurrency))
        if missing:
            attempt = self._attempt(recall, memory_version, f"{phase}/{round}")
            self.watch.phase(phase if round == 0 else f"{phase} {round}", len(todo), len(todo) - len(missing))
            began = time.perf_counter()

            def keep(job: Job, trajectory: Trajectory) -> None:
                if job.index in done and trajectory.stop is StopReason.BUDGET and not trajectory.usage.calls:
                    return  # the budget is still used up; what it cut off before stays counted
                done[job.index] = trajectory
                self.folder.episodes.put(trajectory, phase=phase, round=round, index=job.index)
                self.watch.episode(trajectory, self.model.meter.total)
                row.append(trajectory)
                _give_up(done.values(), min(MOST_FAILURES, len(todo)), row)

            await rollout(attempt, missing, concurrency=settings.concurrency, on_done=keep)
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - began
        return [done[job.index] for job in todo if job.index in done]

    def _attempt(self, recall: Recall, memory_version: int, tag: str) -> Attempt:
        """One episode, by the model that its kind of task is routed to."""

        cast = Cast(self.settings, self.suite, self.model, recall, memory_version, tag)
        by = cache(partial(self.engine.attempt, cast))

        async def routed(task: Task, start: Start) -> Trajectory:
            return await by(self.route(task.kind) if self.route else self.model.uri)(task, start)

        return routed

    def _stored(self, phase: str, round: int) -> dict[int, Trajectory]:
        """The episodes of an interrupted phase by index; none where all failed."""
        store = self.folder.episodes
        pairs = zip(store.summaries(phase, round), store.find(phase, round), strict=True)
        done = {row.index: trajectory for row, trajectory in pairs}
        return {} if _all_failed(done.values()) else done

    def summary(
        self, phase: str, split: str, trajectories: Sequence[Trajectory], memory_version: int, asked: int
    ) -> dict[str, Any]:
        return summarise(
            trajectories,
            asked=asked,
            suite=self.suite.name,
            split=split,
            model=self.model.uri,
            memory_version=memory_version,
            seconds=self.seconds.get(phase, 0.0),
        )


def _all_failed(episodes: Collection[Trajectory]) -> bool:
    return bool(episodes) and all(trajectory.stop is StopReason.ERROR for trajectory in episodes)


def _to_play(todo: Sequence[Job], done: Mapping[int, Trajectory]) -> list[Job]:
    """What is not there, or was cut off by the budget; where there is any, what an error ended too."""
    stops = {index: one.stop for index, one in done.items()}
    cut = any(stops.get(job.index, StopReason.BUDGET) is StopReason.BUDGET for job in todo)
    again = (StopReason.BUDGET, StopReason.ERROR) if cut else ()
    return [job for job in todo if stops.get(job.index, StopReason.BUDGET) in again]


def _give_up(done: Collection[Trajectory], most: int, row: deque[Trajectory]) -> None:
    """Raises: KnowhowError where so many episodes failed, and none did not, that the fault is not in the episodes; and
    where the whole last ``row`` of them did."""
    if len(done) >= most and _all_failed(done):
        raise KnowhowError(f"all of the first {len(done)} episodes failed: {next(iter(done)).error}")
    if len(row) == row.maxlen and _all_failed(row):
        raise KnowhowError(f"the last {len(row)} episodes all failed: {row[-1].error}; mend that and go on by --resume")


def open_stage(folder: RunFolder, watch: Watch, within: Meter | None = None) -> Stage:
    """``within``: what the run spends counts there too. Raises: UnknownName, BadSetting, MissingExtra for what the
    settings name."""
    settings = folder.settings
    model = open_model(settings, folder, within)
    engine: Engine = build(ENGINES, settings.engine)
    folder.ends.callback(engine.close)
    return Stage(folder, open_suite(settings.suite), model, watch, engine=engine, route=_route(settings))


def _route(settings: Settings) -> Callable[[str], str] | None:
    """By the active adapters of the run folder that the settings name, if any."""
    if not settings.adapters:
        return None
    folder = Path(settings.adapters)
    with Journal.open(folder / "journal.db") as journal:
        adapters = Registry(journal).adapters()
    return route(lambda: adapters, settings, folder, needed=True)


def check(settings: Settings, *splits: str) -> Model:
    """Raises what a run with these settings would raise at its start, before anything is written."""
    suite, model = open_suite(settings.suite), open_model(settings)
    engine: Engine = build(ENGINES, settings.engine)
    engine.check(settings)
    check_index(settings.index)
    for policy in split_list(settings.recall):
        name, given = parse(policy)
        fit(find(POLICIES, name), name, given, 3)
    _route(settings)
    compose(suite, Agent(model, model.meter), settings.method)
    for split in splits:
        draw(suite, split, 1, settings.seed)
    return model


def open_suite(specification: str) -> Suite:
    """Raises: as ``discover.build``; BadSetting for what is no suite, or whose own code fails."""
    name, _ = parse(specification)
    try:
        suite: Suite = build(SUITES, specification)
    except KnowhowError:
        raise
    except Exception as error:
        if ":" not in name:
            raise  # it is one of ours, and the fault too
        raise BadSetting(f"{name} fails when it is made: {blamed(error)}") from error
    lacking = [one for one in ("name", "tasks", "open", "max_steps") if not hasattr(suite, one)]
    if lacking:
        raise BadSetting(f"{name} is no suite, it has no {', '.join(lacking)}; see docs/environments.md")
    if type(suite.max_steps) is not int or suite.max_steps < 1:
        raise BadSetting(
            f"max_steps={suite.max_steps!r} of the suite {suite.name} must be a whole number of at least 1"
        )
    return suite


def open_model(settings: Settings, folder: RunFolder | None = None, within: Meter | None = None) -> Model:
    budget = Budget(settings.budget_calls, settings.budget_tokens, settings.budget_usd)
    meter = Meter(budget, folder.spent, folder.save_spent, within) if folder is not None else Meter(budget)
    return load(settings, settings.model, meter)


def withheld(recall: Recall) -> Recall:
    """The control: memory is asked as always, and nothing of it reaches the prompt."""

    async def recall_nothing(query: Query) -> Recalled:
        found = await recall(query)
        return Recalled("", (), (*found.shown, *found.withheld))

    return recall_nothing


@dataclass(frozen=True)
class Mind:
    """A memory in use: its banks and policies, and what they ``offer`` together.

    ``settings`` and the banks' ``specifications`` are what it was made of.
    """

    memory: Memory
    banks: Sequence[Any]
    policies: Sequence[Any]
    offer: Recall
    settings: Settings
    specifications: tuple[str, ...]

    async def recall(self, query: Query) -> Recalled:
        return await self.offer(query)

    @property
    def learners(self) -> list[Any]:
        """All that learns from episodes: every bank, and the policies that do."""
        return [*self.banks, *(policy for policy in self.policies if hasattr(policy, "learn"))]


def open_mind(settings: Settings, banks: Sequence[str], memory: Memory, ask: Model, suite: Suite) -> Mind:
    """The banks of these specifications over ``memory``, with the recall that the settings ask for.

    Raises: UnknownName, BadSetting, MissingExtra for what they name.
    """
    made = [build(BANKS, specification, memory, ask, suite) for specification in banks]
    _check_banks(made)
    policies = [build(POLICIES, policy, memory, ask, suite) for policy in split_list(settings.recall)]
    tokens, same_task = settings.memory_tokens, settings.same_task
    offer = recall_of(memory, made, policies, tokens=tokens, same_task=same_task)
    return Mind(memory, made, policies, offer, settings, tuple(banks))


def _check_banks(banks: Sequence[Bank]) -> None:
    """Raises: BadSetting for two banks that would keep the same items, and for what is no number of items."""
    kinds = [bank.kind for bank in banks]
    twice = next((kind for kind in kinds if kinds.count(kind) > 1), None)
    if twice is not None:
        raise BadSetting(f"the bank {twice} is named twice; name each bank once")
    for bank in banks:
        if bank.most is not None:
            at_least(1, most=bank.most)
