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
from knowhow.agents.seeds import child_seed
from knowhow.agents.transcript import transcript
from knowhow.environments.sandbox import Limits
from knowhow.environments.types import StopReason, Suite, Task, Tool, ToolCall, Trajectory
from knowhow.memory.skills.goals import slots
from knowhow.memory.skills.running import ability
from knowhow.memory.skills.skill import Skill


@dataclass(frozen=True, slots=True)
class Test:
    """A task to do, and the seed of its episode."""

    task: Task
    seed: int


@dataclass(frozen=True, slots=True)
class Run:
    """A test of a skill: whether its one call earned the full reward, and what happened, as text."""

    test: Test
    passed: bool
    told: str

    @property
    def data(self) -> dict[str, Any]:
        return {"task": self.test.task.id, "seed": self.test.seed, "passed": self.passed}


def tests_of(skill: Skill, sources: Sequence[Trajectory], suite: Suite, siblings: int) -> list[Test]:
    """The tasks that taught it, as they were, and ``siblings`` other training tasks of the same kind and wording (as
    far as there are so many), with seeds of their own."""
    own = {one.task.id: Test(one.task, one.seed) for one in sources if slots(skill.goal, one.task.goal) is not None}
    kinds = {one.task.kind for one in sources}
    others = [
        task
        for task in suite.tasks("train")
        if task.kind in kinds and task.id not in own and slots(skill.goal, task.goal) is not None
    ]
    seed = sources[0].seed
    chosen = Random(f"{seed}/{skill.name}").sample(others, min(siblings, len(others)))
    return [*own.values(), *(Test(task, child_seed(seed, "skill", task.id)) for task in chosen)]


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
    call = ToolCall(skill.tool_name, slots(skill.goal, test.task.goal) or {})
    try:
        async with suite.open(test.task, seed=test.seed) as env:
            first = await env.reset()
            step = await perform(ability("", skill, limits), call, env, first, suite.max_steps)
    except Exception as error:
        return Run(test, False, f"The environment failed: {error}")
    reward = min(1.0, max(0.0, step.feedback.reward))
    stop = StopReason.TERMINATED if step.feedback.terminated else StopReason.MAX_STEPS
    episode = Trajectory("", test.task, test.seed, first, (step,), reward=reward, stop=stop)
    return Run(test, episode.success, f"{transcript(episode)}\n(in the end) {step.feedback.observation}")
