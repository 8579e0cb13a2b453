"""What one who knows a task's solution would have done at each step of an episode, proved by playing it.

The teacher of LEAP (arXiv 2410.05434) sees the state that is hidden from the student. Here it is the suite's oracle:
the calls that solve the task from its start. At a step, the teacher goes on with the shortest rest of them that still
wins after what the student has done, in a fresh environment; its correction is the first call of that rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from knowhow.environments.calls import render_call
from knowhow.environments.types import Feedback, Suite, Task, ToolCall, Trajectory
from knowhow.training.replies import Reply, replies


@dataclass(frozen=True, slots=True)
class Correction:
    """At ``reply``, a decision of the student's, the teacher would have made ``call``."""

    reply: Reply
    call: ToolCall


def decisions(trajectory: Trajectory) -> list[Reply]:
    """The replies that the student decided on, those without a usable call too."""
    return [reply for reply in replies(trajectory) if reply.weight or _helpless(trajectory, reply)]


async def corrected(
    suite: Suite, trajectory: Trajectory, solution: Sequence[ToolCall], at: Sequence[Reply]
) -> list[Correction]:
    """The teacher's calls at these replies, without those after which no rest of ``solution`` wins any more."""
    found = []
    for reply in at:
        call = await _correction(suite, trajectory, solution, reply.step or 0)
        if call is not None:
            found.append(Correction(reply, call))
    return found


def made_before(trajectory: Trajectory, step: int) -> list[ToolCall]:
    """The calls that the environment got before a step, those that abilities made too."""
    made = [inner for one in trajectory.steps[:step] for inner in (one.inner or (one,))]
    return [one.call for one in made if one.call is not None]


async def wins(suite: Suite, task: Task, seed: int, calls: Sequence[ToolCall]) -> bool:
    """Whether these calls earn the full reward in a fresh environment."""
    async with suite.open(task, seed=seed) as env:
        feedback = await env.reset()
        earned = feedback.reward
        for call in calls:
            if feedback.done:
                break
            feedback = await env.step(call)
            earned += feedback.reward
    return earned >= 1 - 1e-9


async def _correction(suite: Suite, trajectory: Trajectory, solution: Sequence[ToolCall], step: int) -> ToolCall | None:
    before = trajectory.steps[step - 1].feedback if step else trajectory.first
    done = made_before(trajectory, step)
    for start in reversed(range(len(solution))):
        rest = solution[start:]
        if not _possible(rest[0], before, trajectory):
            continue
        if await wins(suite, trajectory.task, trajectory.seed, [*done, *rest]):
            return rest[0]
    return None


def _possible(call: ToolCall, before: Feedback, trajectory: Trajectory) -> bool:
    """As far as the world tells: it saves playing what cannot win."""
    return before.commands is None or render_call(call, trajectory.tools) in before.commands


def _helpless(trajectory: Trajectory, reply: Reply) -> bool:
    return reply.step is not None and trajectory.steps[reply.step].call is None
