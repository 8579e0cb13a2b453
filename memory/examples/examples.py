"""What cases and demonstrations have in common: both show an earlier episode, and are judged by the later ones that
used it."""

from __future__ import annotations

from collections.abc import Sequence

from knowhow.environments.types import StopReason, Task, Trajectory
from knowhow.memory.delta import Draft
from knowhow.memory.examples.deeds import line
from knowhow.memory.types import Item, Scored


def whole(trajectory: Trajectory) -> bool:
    """Whether the episode was played to an end of its own."""
    return trajectory.stop not in (StopReason.ERROR, StopReason.BUDGET)


def state_of(task: Task) -> str:
    """A task as examples are found by."""
    return f"{task.kind}: {line(task.goal)}"


def succeeded(item: Item) -> bool:
    """Whether the example's own episode is known to have earned the full reward."""
    return (item.data["reward"] or 0.0) >= 1 - 1e-9


def balanced(ranked: Sequence[Scored], failures: int) -> list[Scored]:
    """The same with so many of those that are not known to have succeeded in their place, the rest of them last."""
    others = [one.item.id for one in ranked if not succeeded(one.item)][failures:]
    return sorted(ranked, key=lambda one: one.item.id in others)


def heading(word: str, item: Item) -> str:
    """``Case [cas-00001] (succeeded, helpful=3 harmful=0) put: put a mug on shelf``."""
    record = f"{_outcome(item.data['reward'])}, helpful={item.helpful} harmful={item.harmful}"
    return f"{word} [{item.id}] ({record}) {item.task_kind}: {item.data['goal']}"


def count_uses(draft: Draft, trajectory: Trajectory) -> list[str]:
    """Count what the episode says of the draft's items; returns the ids of those that its outcome speaks of: which the
    agent cited, or else all that it was shown; none where the outcome is not known."""
    shown = [id for id in trajectory.shown if id in draft.items]
    for id in shown:
        draft.count(id, uses=1)
    if trajectory.reward is None:
        return []
    used = [id for id in shown if id in trajectory.cited] or shown
    for id in used:
        draft.count(id, **{"helpful" if trajectory.success else "harmful": 1})
    return used


def _outcome(reward: float | None) -> str:
    if reward is None:
        return "outcome unknown"
    return "succeeded" if reward >= 1 - 1e-9 else f"failed, reward {reward:g} of 1"
