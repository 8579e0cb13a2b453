"""Searches see a reward only where the suite shows it: this is where that is enforced, for every search alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from knowhow.agents.episode import Meter, stop_reason
from knowhow.agents.types import Attempt, Start
from knowhow.environments.errors import KnowhowError
from knowhow.environments.types import Task, Trajectory


def sealed(search: Callable[[Attempt], Attempt], attempt: Attempt, meter: Meter, *, reward_visible: bool) -> Attempt:
    """``search`` over ``attempt``, label-free unless ``reward_visible``; what comes out has its true reward again.

    The result's ``attempts`` and ``usage`` cover every episode and question of the search, also the discarded ones.
    """

    async def run(task: Task, start: Start) -> Trajectory:
        kept: dict[str, Trajectory] = {}

        async def inner(task: Task, start: Start) -> Trajectory:
            truth = await attempt(task, start)
            kept[truth.id] = truth
            return truth if reward_visible else truth.without_labels()

        with meter.scope() as scope:
            try:
                chosen = kept[(await search(inner)(task, start)).id]
            except KnowhowError as error:  # a question of the search hit the budget, or the model failed
                if not kept:
                    raise
                chosen = replace(
                    list(kept.values())[-1], stop=stop_reason(error), error=f"{type(error).__name__}: {error}"
                )
        attempts = sum(trajectory.attempts for trajectory in kept.values())
        return replace(chosen, attempts=attempts, usage=scope.usage)

    return run
