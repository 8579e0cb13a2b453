"""Searches see a reward only where the suite shows it: this is where that is enforced, for every search alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from knowhow.agents.episode import Meter, stop_reason
from knowhow.agents.types import Attempt, Start
from knowhow.environments.types import Feedback, Task, Trajectory


def sealed(search: Callable[[Attempt], Attempt], attempt: Attempt, meter: Meter, *, reward_visible: bool) -> Attempt:
    """``search`` over ``attempt``, label-free unless ``reward_visible``; what comes out has its true reward again.

    The result's ``attempts`` and ``usage`` cover every episode and question of the search, also the discarded ones. A
    search that raises has failed, which is data like any failed episode.
    """

    async def run(task: Task, start: Start) -> Trajectory:
        played: list[Trajectory] = []

        async def inner(task: Task, start: Start) -> Trajectory:
            played.append(await attempt(task, start))
            return played[-1] if reward_visible else played[-1].without_labels()

        with meter.scope() as scope:
            try:
                chosen = _known(await search(inner)(task, start), played)
            except Exception as error:  # the budget is used up, the model failed, or the search itself is at fault
                chosen = _failed(played, task, start, error)
        return replace(chosen, attempts=sum(one.attempts for one in played), usage=scope.usage)

    return run


def _known(chosen: Trajectory, played: Sequence[Trajectory]) -> Trajectory:
    """The chosen episode with its labels."""
    truth = {one.id: one for one in played}.get(chosen.id)
    if truth is None:
        raise ValueError(f"the search returned the episode {chosen.id}, which is none of those that it played")
    return truth


def _failed(played: Sequence[Trajectory], task: Task, start: Start, error: Exception) -> Trajectory:
    none = Trajectory(f"{task.id}/{start.seed}", task, start.seed, Feedback(""))
    last = played[-1] if played else none
    return replace(last, reward=0.0, stop=stop_reason(error), error=f"{type(error).__name__}: {error}")
