"""Skills: functions over the environment's tools, offered to the agent as tools, so that one call replaces many.

A model writes a skill from successful attempts at tasks of one kind (Voyager, arXiv 2305.16291); it is admitted after
it did those tasks and others of the kind in the sandbox, repaired from what went wrong (SkillWeaver, arXiv 2504.07079),
and is there for the next task at once (SAGE, arXiv 2512.17102). What was drawn from text from outside is never run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from knowhow.agents.goals import slots
from knowhow.agents.types import Decider, Query, Recalled
from knowhow.environments.discover import at_least
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite, Task, Trajectory
from knowhow.memory.delta import Draft
from knowhow.memory.examples.examples import whole
from knowhow.memory.lineage import Ids, lineage, refuse_test, task_key
from knowhow.memory.recall import nearest
from knowhow.memory.skills.running import LIMITS, ability
from knowhow.memory.skills.skill import KIND, Skill, renamed, skill_of
from knowhow.memory.skills.trial import Run, Test, Trial, tests_of, tools_of, tried
from knowhow.memory.skills.workshop import Workshop
from knowhow.memory.store import SHOWN, Memory
from knowhow.memory.types import Edit, Item, Scored, Status

PREFIX = "ski"
_INTRODUCTION = """# Skills
Tools that were learned: one call of a skill does what many calls of the others do. Where a skill is for tasks like this
one, call it first; where it fails, go on without it."""


@dataclass
class Skills:
    """Settings: ``threshold``, the share of its tests that a skill has to pass, in (0, 1]; ``siblings``, how many tasks
    besides its own it is tested on; ``repairs``, how often it may be repaired in its life; ``proposals``, how many
    skills may be written at a time for a kind of task; ``studied``, how many attempts are read; ``at_once``, how many
    tests run at a time; ``cpu``, how many seconds of processor time one run may take, and ``seconds``, how long it may
    take by its own clock, which ends a skill that only waits."""

    memory: Memory
    ask: Decider
    suite: Suite | None = None
    threshold: float = 0.75
    siblings: int = 4
    repairs: int = 2
    proposals: int = 2
    studied: int = 6
    at_once: int = 2
    cpu: int = LIMITS.cpu
    seconds: float = LIMITS.seconds
    kind: str = KIND
    most: int | None = 6

    def __post_init__(self) -> None:
        if not (isinstance(self.threshold, int | float) and 0 < self.threshold <= 1):
            raise BadSetting(f"threshold={self.threshold!r} is no share above 0 and up to 1")
        at_least(1, siblings=self.siblings, proposals=self.proposals, studied=self.studied, at_once=self.at_once)
        at_least(0, repairs=self.repairs)
        at_least(1, **({} if self.most is None else {"most": self.most}))
        if self.kind != KIND:
            raise BadSetting(f"kind={self.kind!r} is none of this bank's; leave it at {KIND!r}")
        self._limits = replace(LIMITS, cpu=self.cpu, seconds=self.seconds)

    def rank(self, query: Query, items: Sequence[Item]) -> list[Scored]:
        """Those for this kind of task and its wording first, then by meaning."""
        found = nearest(self, query, [item for item in items if _can_be_shown(item)])
        return sorted(found, key=lambda one: not _does(one.item, query.task))

    def show(self, items: Sequence[Item]) -> Recalled:
        """What can be run as tools, with a line for each; of instructions without code, these. What is neither is left
        out."""
        items = [item for item in items if _can_be_shown(item)]
        skills = {item.id: skill for item in items if (skill := skill_of(item)) is not None}
        first = {skill.name: id for id, skill in reversed(skills.items())}
        shown = [item for item in items if item.id not in skills or first[skills[item.id].name] == item.id]
        lines = [_line(item, skills.get(item.id)) for item in shown]
        abilities = tuple(ability(item.id, skills[item.id], self._limits) for item in shown if item.id in skills)
        return Recalled("\n".join([_INTRODUCTION, *lines]) if lines else "", abilities=abilities)

    async def learn(self, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """Counts, repairs of skills that failed, and new skills for what was done without one. Raises: ValueError for a
        test trajectory."""
        refuse_test(trajectories)
        draft = Draft({item.id: item for item in self.memory.items(self.kind, tuple(Status))})
        trusted = [one for one in trajectories if not one.outside and whole(one) and one.reward is not None]
        for one in trajectories:
            _count(draft, one)
        if self.suite is not None:
            await self._repair_all(draft, trusted, self.suite)
        ids = Ids(self.memory, self.kind, trajectories)
        for group in _groups(trusted):
            await self._write(draft, group, ids)
        return draft.edits

    async def _write(self, draft: Draft, group: Sequence[Trajectory], ids: Ids) -> None:
        """New skills from the attempts at one kind of task that succeeded without one."""
        shown = [item for item in draft.items.values() if item.status in SHOWN]
        new = [one for one in group if one.success and not any(_does(item, one.task) for item in shown)]
        if not new:
            return
        known = [skill for item in shown if (skill := skill_of(item)) is not None]
        studied = [*new, *(one for one in group if not one.success)][: self.studied]
        tools = await tools_of(self.suite, Test(new[0].task, new[0].seed)) if self.suite is not None else ()
        shop = Workshop(self.ask, tools, new[0].seed)
        for skill, numbers in await shop.write(studied, known, self.proposals):
            sources = [one for number, one in enumerate(studied, 1) if number in numbers and one in new] or new
            sources = [one for one in sources if slots(skill.goal, one.task.goal) is not None]
            if sources and not _had_its_trial(draft, skill):
                await self._admit(draft, shop, renamed(skill, _free_name(draft, skill.name)), sources, ids)

    async def _admit(self, draft: Draft, shop: Workshop, skill: Skill, sources: Sequence[Trajectory], ids: Ids) -> None:
        data: dict[str, Any] = {"version": _version(draft, skill.name), "repairs": 0, "tests": []}
        if self.suite is None:
            origin = {**lineage(sources), "status": Status.PENDING}
            item = Item(ids.next(PREFIX), self.kind, skill.text, {**skill.data, **data}, **origin)
            draft.add(item, "there is no suite to test it in")
            return
        tests = tests_of(skill, sources, self.suite, self.siblings)
        trial = await self._try(shop, skill, tests, self.suite, self.repairs)
        if trial.passed(self.threshold) and not _had_its_trial(draft, trial.skill):
            data = {**trial.skill.data, **data, "repairs": trial.repairs, **trial.data}
            item = Item(ids.next(PREFIX), self.kind, trial.skill.text, data, **_also(lineage(sources), trial.runs))
            draft.add(item, str(trial))

    async def _try(self, shop: Workshop, skill: Skill, tests: Sequence[Test], suite: Suite, repairs: int) -> Trial:
        """Run, and repaired until it passes, or until it may be no more."""
        runs = tuple(await tried(skill, tests, suite, self._limits, self.at_once))
        trial = Trial(skill, runs, 0, runs)
        while trial.repairs < repairs and not trial.passed(self.threshold):
            better = await shop.repair(trial.skill, [run for run in trial.runs if not run.passed])
            if better is None:
                break
            runs = tuple(await tried(better, tests, suite, self._limits, self.at_once))
            trial = Trial(better, runs, trial.repairs + 1, (*trial.spent, *runs))
        return trial

    async def _repair_all(self, draft: Draft, trajectories: Sequence[Trajectory], suite: Suite) -> None:
        """Skills that were called at a task that then failed get another version, if one does that task too."""
        failed: dict[str, list[Trajectory]] = {}
        for one in trajectories:
            for id in () if one.success or one.task.split != "train" else _called(draft, one):
                failed.setdefault(id, []).append(one)
        for id, at in failed.items():
            skill = skill_of(draft.items[id]) if id in draft.items else None
            if skill is not None and draft.items[id].status in (Status.CANDIDATE, Status.ACTIVE):
                await self._repair(draft, draft.items[id], skill, at[0], suite)

    async def _repair(self, draft: Draft, item: Item, skill: Skill, at: Trajectory, suite: Suite) -> None:
        done = item.data.get("repairs", 0)
        left = self.repairs - done
        again = slots(skill.goal, at.task.goal)
        if left <= 0 or again is None:
            return
        own, *siblings = tests_of(skill, [at], suite, self.siblings)
        tests = [own, *(_earlier(item, own, suite) or siblings)]
        trial = await self._try(Workshop(self.ask, skill.tools, at.seed), skill, tests, suite, left)
        better, cost = trial.skill, trial.data["spent"]
        counted = {"repairs": done + max(1, trial.repairs), "spent": _together(item.data.get("spent", {}), cost)}
        if better != skill and trial.passed(self.threshold):
            version = item.data.get("version", 1) + 1
            changed = {**item.data, **better.data, **trial.data, **counted, "version": version}
            fields = _also({"sources": (*item.sources, at.id), "tasks": item.tasks}, trial.runs)
            unproven = {"effect": None, "status": Status.CANDIDATE, "uses": 0, "helpful": 0, "harmful": 0}
            why = f"it failed at {at.task.id}; repaired: {trial}"
            draft.set(item.id, why, text=better.text, data=changed, **fields, **unproven)
        elif trial.repairs:
            draft.set(item.id, f"no repair did better: {trial}", data={**item.data, **counted})


def _groups(trajectories: Sequence[Trajectory]) -> list[list[Trajectory]]:
    """By suite and kind of task."""
    groups: dict[tuple[str, str], list[Trajectory]] = {}
    for one in trajectories:
        groups.setdefault((one.task.suite, one.task.kind), []).append(one)
    return list(groups.values())


def _does(item: Item, task: Task) -> bool:
    """Is it for tasks of this kind (where it says for which) and wording?"""
    return item.task_kind in ("", task.kind) and slots(item.data.get("goal", ""), task.goal) is not None


def _can_be_shown(item: Item) -> bool:
    """Is it instructions without code, or code that can be offered?"""
    return not item.data.get("code") or skill_of(item) is not None


def _had_its_trial(draft: Draft, skill: Skill) -> bool:
    """Is, or was, the very same there?"""
    kept = (skill_of(item) for item in draft.items.values())
    return any(other is not None and (other.goal, other.code) == (skill.goal, skill.code) for other in kept)


def _free_name(draft: Draft, name: str) -> str:
    """The name, with a number where one that is or may be shown has it."""
    live = (item.data.get("name") for item in draft.items.values() if item.status in (*SHOWN, Status.PENDING))
    taken = {str(other) for other in live}
    return name if name not in taken else next(one for n in count(2) if (one := f"{name[:50]}_{n}") not in taken)


def _version(draft: Draft, name: str) -> int:
    """One more than the last of its name."""
    return 1 + max(
        (item.data.get("version", 1) for item in draft.items.values() if item.data.get("name") == name), default=0
    )


def _earlier(item: Item, own: Test, suite: Suite) -> list[Test]:
    """The tests that it passed its trial by, but for the one that it failed."""
    train = {task.id: task for task in suite.tasks("train")}
    tests = [Test(train[t["task"]], t["seed"], sibling=True) for t in item.data.get("tests", ()) if t["task"] in train]
    return [test for test in tests if (test.task, test.seed) != (own.task, own.seed)]


def _together(before: Mapping[str, int], cost: Mapping[str, int]) -> dict[str, int]:
    return {name: before.get(name, 0) + number for name, number in cost.items()}


def _called(draft: Draft, one: Trajectory) -> list[str]:
    """The ids of the skills that the agent called; it may cite one for what it says alone."""
    names = {step.call.name for step in one.steps if step.call is not None}
    offered = {id: skill_of(draft.items[id]) for id in one.shown if id in draft.items}
    return [id for id, skill in offered.items() if skill is not None and skill.tool_name in names]


def _count(draft: Draft, one: Trajectory) -> None:
    """A use for each that was offered; its outcome for those that were called."""
    called = [] if one.reward is None else _called(draft, one)
    for id in one.shown:
        if id in draft.items:
            draft.count(id, uses=1, **({"helpful" if one.success else "harmful": 1} if id in called else {}))


def _also(origin: Mapping[str, Any], runs: Sequence[Run]) -> dict[str, Any]:
    """The origin with the tasks that it was tested on: a repair may have been made for any of them."""
    tested = (task_key(run.test.task) for run in runs)
    return {**origin, "tasks": tuple(dict.fromkeys((*origin["tasks"], *tested)))}


def _line(item: Item, skill: Skill | None) -> str:
    head = f"[{item.id}] helpful={item.helpful} harmful={item.harmful} ::"
    return f"{head} {item.text}" if skill is None else f'{head} {skill.tool_name} does "{skill.goal}"'
