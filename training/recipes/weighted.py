"""EAST: successes weigh as much as their task is uncertain (arXiv 2503.23913).

A task that the agent always solves teaches it little. With ``p`` the share of a task's episodes that succeeded, its
weight is the entropy of that share, sharpened: ``(H(p) / mean H) ** sharpness``, and at least ``floor``. For a task
that was played once, the share is that of its kind. Episodes that an error or the budget cut off are in no share.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

from knowhow.environments.discover import at_least, between
from knowhow.environments.types import Task, Trajectory
from knowhow.memory.lineage import task_key
from knowhow.training.examples import all_whole
from knowhow.training.imitating import imitate
from knowhow.training.recipe import Job
from knowhow.training.selecting import deduplicated, ended, succeeded, successes
from knowhow.training.types import Data, Example


@dataclass(frozen=True)
class Weighted:
    """``cap`` as in ``sft``; ``sharpness`` >= 0 (0: plain ``sft``); ``floor``: the least weight, so that nothing that
    is known is forgotten."""

    cap: int = 4
    sharpness: float = 1.0
    floor: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(0, cap=self.cap)
        between(0, 1, floor=self.floor)
        between(0, 100, sharpness=self.sharpness)

    def examples(self, trajectories: Sequence[Trajectory]) -> Data[Example]:
        weights = self.weights(trajectories)

        def weigh(trajectory: Trajectory, step: int) -> float:
            return weights[task_key(trajectory.task)]

        won = successes(trajectories, cap=self.cap, seed=self.seed)
        return won.then(lambda kept: all_whole(kept, weigh)).then(deduplicated)

    def weights(self, trajectories: Sequence[Trajectory]) -> dict[str, float]:
        """The weight of every task by its key; where ``sharpness`` is 1, the mean over tasks is about 1."""
        whole = ended(trajectories).rows
        by_task, by_kind = _shares(whole, task_key), _shares(whole, _kind)
        often = Counter(task_key(one.task) for one in whole)
        entropies = {
            key: entropy(by_task[key] if often[key] > 1 else by_kind[_kind(task)])
            for key, task in {task_key(one.task): one.task for one in whole}.items()
        }
        mean = sum(entropies.values()) / len(entropies) if entropies else 0.0
        if not mean:  # everything is as certain as everything else
            return dict.fromkeys(entropies, 1.0)
        return {task: max(self.floor, (value / mean) ** self.sharpness) for task, value in entropies.items()}

    def train(self, job: Job, data: Data[Example]) -> Mapping[str, Any]:
        return imitate(job, data.rows)


def entropy(share: float) -> float:
    """Of an outcome with this probability, in bits."""
    return -sum(p * log2(p) for p in (share, 1 - share) if p > 0)


def _shares(trajectories: Sequence[Trajectory], key: Callable[[Task], str]) -> dict[str, float]:
    outcomes: dict[str, list[bool]] = defaultdict(list)
    for trajectory in trajectories:
        outcomes[key(trajectory.task)].append(succeeded(trajectory))
    return {name: sum(won) / len(won) for name, won in outcomes.items()}


def _kind(task: Task) -> str:
    return f"{task.suite}/{task.kind}"
