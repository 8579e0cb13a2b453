"""Where an item comes from: the same record for every bank, and the refusal to learn from test tasks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Task, Trajectory
from knowhow.memory.store import Memory
from knowhow.memory.types import Trust


def refuse_test(trajectories: Sequence[Trajectory]) -> None:
    """Raises: BadSetting where one of them is of the test split."""
    tested = [trajectory.id for trajectory in trajectories if trajectory.task.split == "test"]
    if tested:
        raise BadSetting(f"episode {tested[0]} is of the test split; nothing is learned from it")


def task_key(task: Task) -> str:
    """A task's name over all suites, as ``Item.tasks`` keeps it."""
    return f"{task.suite}/{task.id}"


def lineage(taught: Sequence[Trajectory]) -> dict[str, Any]:
    """The fields of an ``Item`` that say which episodes (at least one) taught it, and how far they are to be trusted:
    as far as the least trusted of them. A scope is given only where all agree on it."""
    suites, kinds = {one.task.suite for one in taught}, {one.task.kind for one in taught}
    return {
        "suite": suites.pop() if len(suites) == 1 else "",
        "task_kind": kinds.pop() if len(kinds) == 1 else "",
        "split": taught[0].task.split,
        "sources": tuple(dict.fromkeys(one.id for one in taught)),
        "tasks": tuple(dict.fromkeys(task_key(one.task) for one in taught)),
        "trust": min(map(_trust, taught), key=list(Trust).index),
    }


def _trust(episode: Trajectory) -> Trust:
    if episode.outside:
        return Trust.OUTSIDE
    return Trust.REFLECTION if episode.reward is None else Trust.VERIFIED


class Ids:
    """New ids in the order of use; learning from the same episodes again, after an interruption, names everything the
    same."""

    def __init__(self, memory: Memory, kind: str, taught: Sequence[Trajectory]) -> None:
        occasion = f"{memory.version}/{kind}/{'/'.join(trajectory.id for trajectory in taught)}"
        self._memory, self._used = memory, 0
        self._occasion = hashlib.sha256(occasion.encode()).hexdigest()[:16]

    def next(self, prefix: str) -> str:
        """``prefix`` (lower-case letters) and a number: ``cas-00012``."""
        self._used += 1
        return self._memory.journal.new_ids(prefix, 1, key=f"{self._occasion}/{self._used}")[0]
