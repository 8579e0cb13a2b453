"""What a skill has to pass before it is admitted: its own task, and others of the same kind.

Admission by running, and repair from what went wrong, are Voyager's (arXiv 2305.16291) and SkillWeaver's
(arXiv 2504.07079); tests on other tasks are what makes a skill one for a kind of task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from knowhow.agents.abilities import perform
from knowhow.agents.goals import slots
from knowhow.agents.seeds import child_seed
from knowhow.agents.transcript import transcript
from knowhow.environments.errors import EngineFailed
from knowhow.environments.sandbox import Limits
from knowhow.environments.types import StopReason, Suite, Task, Tool, ToolCall, Trajectory
from knowhow.environments.worker import ENGINE_TRIES
from knowhow.memory.skills.running import ability
from knowhow.memory.skills.skill import Skill


@dataclass(frozen=True, slots=True)
class Test:
    """A task to do, and the seed of its episode; a ``sibling`` is not what the skill was written from."""

    task: Task
    seed: int
    sibling: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A test of a skill: whether its one call earned the full reward, what happened, as text, and how many calls of the
    environment's that was."""

    test: Test
    passed: bool
    told: str
    calls: int = 0

    @property
    def data(self) -> dict[str, Any]:
        return {"task": self.test.task.id, "seed": self.test.seed, "passed": self.passed}


@dataclass(frozen=True, slots=True)
class Trial:
    """A skill as it was at last, its runs, how often it was repaired until then, and the runs of all its forms."""

    skill: Skill
    runs: tuple[Run, ...]
    repairs: int
    spent: tuple[Run, ...]

    def passed(self, threshold: float) -> bool:
        """Its own task, which is the first, at least one sibling, and enough of all."""
        good = [run.test for run in self.runs if run.passed]
        own = bool(self.runs) and self.runs[0].passed
        return own and any(test.sibling for test in good) and len(good) >= threshold * len(self.runs)

    @property
    def data(self) -> dict[str, Any]:
        """What an item keeps of it: ``tests``, the runs of what was admitted, and what all of them cost."""
        cost = {"episodes": len(self.spent), "calls": sum(run.calls for run in self.spent)}
        return {"tests": [run.data for run in self.runs], "spent": cost}

    def __str__(self) -> str:
        cost = self.data["spent"]
        share = f"it did {sum(run.passed for run in self.runs)} of {len(self.runs)} tasks in the sandbox"
        return f"{share}, after {self.repairs} repairs, {cost['episodes']} episodes and {cost['calls']} calls in all"


def tests_of(skill: Skill, sources: Sequence[Trajectory], suite: Suite, siblings: int) -> list[Test]:
    """The tasks that taught it, as they were, and ``siblings`` other training tasks of the same kind and wording, with
    seeds of their own; as far as there are so many. Where there are none, its own training task with another seed."""
    own = {one.task.id: Test(one.task, one.seed) for one in sources if slots(skill.goal, one.task.goal) is not None}
    kinds = {one.task.kind for one in sources}
    fit = [task for task in suite.tasks("train") if task.kind in kinds and slots(skill.goal, task.goal) is not None]
    others = [task for task in fit if task.id not in own] or fit[:1]
    seed = sources[0].seed
    chosen = Random(f"{seed}/{skill.name}").sample(others, min(siblings, len(others)))
    return [*own.values(), *(Test(task, child_seed(seed, "skill", task.id), sibling=True) for task in chosen)]


async def tried(skill: Skill, tests: Sequence[Test], suite: Suite, limits: Limits, at_once: int = 4) -> list[Run]:
    """Every test run once, at most ``at_once`` at a time."""
    gate = asyncio.Semaphore(at_once)

    async def one(test: Test) -> Run:
        async with gate:
            return await _run(skill, test, suite, limits)

    return list(await asyncio.gather(*map(one, tests)))


async def tools_of(suite: Suite, test: Test) -> tuple[Tool, ...]:
    """The environment's tools."""
    async with suite.open(test.task, seed=test.seed) as env:
        await env.reset()
        return tuple(env.tools)


async def _run(skill: Skill, test: Test, suite: Suite, limits: Limits) -> Run:
    """One run; again where the engine fails, which says nothing of the skill."""
    for _ in range(ENGINE_TRIES):
        try:
            return await _once(skill, test, suite, limits)
        except EngineFailed as error:
            failed = error
    return Run(test, False, f"The environment failed: {failed}")


async def _once(skill: Skill, test: Test, suite: Suite, limits: Limits) -> Run:
    call = ToolCall(skill.tool_name, slots(skill.goal, test.task.goal) or {})
    try:
        async with suite.open(test.task, seed=test.seed) as env:
            first = await env.reset()
            step = await perform(ability("", skill, limits), call, env, first, suite.max_steps)
    except EngineFailed:
        raise
    except Exception as error:
        return Run(test, False, f"The environment failed: {error}")
    reward = min(1.0, max(0.0, step.feedback.reward))
    stop = StopReason.TERMINATED if step.feedback.terminated else StopReason.MAX_STEPS
    episode = Trajectory("", test.task, test.seed, first, (step,), reward=reward, stop=stop)
    told = f"{transcript(episode)}\n(in the end) {step.feedback.observation}"
    return Run(test, episode.success, told, step.actions)
