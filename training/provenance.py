"""Where what is trained on comes from; nothing of the test split passes."""

from __future__ import annotations

from collections.abc import Sequence

from knowhow.environments.types import Trajectory
from knowhow.memory.lineage import refuse_test, task_key
from knowhow.training.types import Source


def source_of(trajectory: Trajectory, step: int | None = None) -> Source:
    """The source of what is made of an episode, or of one of its steps. Raises: BadSetting for a test task."""
    refuse_test([trajectory])
    task = trajectory.task
    return Source(
        trajectory=trajectory.id,
        suite=task.suite,
        task=task.id,
        kind=task.kind,
        split=task.split,
        reward=trajectory.reward,
        step=step,
        model=trajectory.model,
        memory_version=trajectory.memory_version,
    )


def by_task(trajectories: Sequence[Trajectory]) -> dict[str, list[Trajectory]]:
    """The episodes of each task, in their order."""
    tasks: dict[str, list[Trajectory]] = {}
    for trajectory in trajectories:
        tasks.setdefault(task_key(trajectory.task), []).append(trajectory)
    return tasks
