"""Searches see a reward only where the suite shows it: this is where that is enforced, for every search alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from knowhow.agents.episode import Meter, stop_reason
from knowhow.agents.types import Attempt, Start
from knowhow.environments.types import Feedback, Task, Trajectory


def sealed(search: Callable[[Attempt], Attempt], attempt: Attempt, meter: Meter, *, reward_visible: bool) -> Attempt:
    """``search`` over ``attempt``, label-free unless ``reward_visible``; what comes out has its true reward again.

    The result's ``attempts``, ``tried`` and ``usage`` cover every episode and question of the search, also the
    discarded ones. A search that raises has failed, which is data like any failed episode.
    """

    async def run(task: Task, start: Start) -> Trajectory:
        begun: list[Trajectory | None] = []

        async def inner(task: Task, start: Start) -> Trajectory:
            place = len(begun)
            begun.append(None)
            begun[place] = one = await attempt(task, start)
            return one if reward_visible else one.without_labels()

        with meter.scope() as scope:
            try:
                chosen = _known(await search(inner)(task, start), _ended(begun))
            except Exception as error:  # the budget is used up, the model failed, or the search itself is at fault
                chosen = _failed(_ended(begun), task, start, error)
        played = _ended(begun)
        return replace(chosen, attempts=sum(one.attempts for one in played), tried=_tried(played), usage=scope.usage)

    return run


def _ended(begun: Sequence[Trajectory | None]) -> list[Trajectory]:
    return [one for one in begun if one is not None]


def _tried(played: Sequence[Trajectory]) -> tuple[float, ...]:
    """The rewards of the plain episodes, those of an inner search included."""
    return tuple(reward for one in played for reward in one.tried or (one.reward or 0.0,))


def _known(chosen: Trajectory, played: Sequence[Trajectory]) -> Trajectory:
    """The chosen episode with its labels, and with how sure the search is of it."""
    truth = {one.id: one for one in played}.get(chosen.id)
    if truth is None:
        raise ValueError(f"the search returned the episode {chosen.id}, which is none of those that it played")
    return replace(truth, confidence={**truth.confidence, **chosen.confidence})


def _failed(played: Sequence[Trajectory], task: Task, start: Start, error: Exception) -> Trajectory:
    none = Trajectory(f"{task.id}/{start.seed}", task, start.seed, Feedback(""))
    last = played[-1] if played else none
    return replace(last, reward=0.0, stop=stop_reason(error), error=f"{type(error).__name__}: {error}")
