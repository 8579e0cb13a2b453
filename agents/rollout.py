"""Many episodes at once, each isolated: a failed one is data, a used-up budget starts no more, Ctrl-C loses nothing
finished."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from knowhow.agents.cancelling import heed
from knowhow.agents.types import Attempt, Start
from knowhow.environments.types import StopReason, Task, Trajectory

_APART_S = 0.002
"""Between the starts of concurrent episodes: those that start at once keep step, and each waits for all, every turn."""
_RARER = 10
_rolling = 0


@dataclass(frozen=True, slots=True)
class Job:
    """One episode to run; ``index`` is its place in the batch, ``attempt`` counts tries at the same task and seed."""

    index: int
    task: Task
    seed: int
    attempt: int = 0


async def rollout(
    attempt: Attempt,
    jobs: Sequence[Job],
    *,
    concurrency: int = 8,
    on_done: Callable[[Job, Trajectory], None] = lambda job, trajectory: None,
) -> list[Trajectory]:
    """The trajectories in the order of ``jobs``, at most ``concurrency`` at a time.

    ``on_done`` is called as each ends (to store it, to show progress). Once an episode hits the run's budget, no
    further one starts, so that the list may be shorter than ``jobs``.
    """
    waiting = iter(jobs)
    done: dict[int, Trajectory] = {}
    spent = False

    async def work() -> None:
        nonlocal spent
        for job in waiting:
            if spent:
                return
            trajectory = await attempt(job.task, Start(job.seed, attempt=job.attempt))
            heed()
            spent = spent or trajectory.stop is StopReason.BUDGET
            done[job.index] = trajectory
            on_done(job, trajectory)

    try:
        with _rare_full_collections():
            async with asyncio.TaskGroup() as group:
                for _ in range(min(concurrency, len(jobs))):
                    group.create_task(work())
                    await asyncio.sleep(_APART_S)
    except BaseExceptionGroup as failed:  # only what ``on_done`` raises gets here: a full disk, say
        raise failed.exceptions[0] from None
    return [done[job.index] for job in jobs if job.index in done]


@contextmanager
def _rare_full_collections() -> Iterator[None]:
    """A full collection of garbage takes 0.1 s and more among the objects of many episodes, which all wait for it.

    Rollouts may overlap: the first one makes them rare, the last one usual again.
    """
    global _rolling
    _rolling += 1
    if _rolling == 1:
        first, second, third = gc.get_threshold()
        gc.set_threshold(first, second, _RARER * third)
    try:
        yield
    finally:
        _rolling -= 1
        if not _rolling:
            first, second, third = gc.get_threshold()
            gc.set_threshold(first, second, third // _RARER)
