"""GRPO with the environment in the loop: whole episodes, in groups of attempts at one task (arXiv 2402.03300).

The tasks are those of the episodes that are given, and more of the training split where that is asked for. The reward
is the episode's, and SAGE's term where a success called an ability that memory offered (arXiv 2512.17102).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from knowhow.environments.discover import at_least
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite, Task, Trajectory
from knowhow.memory.lineage import refuse_test
from knowhow.training.examples import whole
from knowhow.training.provenance import by_task
from knowhow.training.recipe import Job, Work
from knowhow.training.reinforcing import Reinforcement, check, reinforce
from knowhow.training.selecting import counted
from knowhow.training.settings import Tuning
from knowhow.training.types import Data, Example


@dataclass(frozen=True)
class Grpo(Reinforcement):
    """``more``: tasks of the training split besides those of the episodes, drawn by ``seed``. An update takes as many
    groups as the tuning's batch, each of ``group`` episodes."""

    more: int = 0

    def __post_init__(self) -> None:
        at_least(0, more=self.more, most_steps=self.most_steps)
        check(self)

    def examples(self, trajectories: Sequence[Trajectory]) -> Data[Example]:
        """One episode of each task, for the task's sake. Raises: BadSetting for a test task."""
        refuse_test(trajectories)
        first = [of_task[0] for of_task in by_task(trajectories).values()]
        again = counted({"another of the same task": len(trajectories) - len(first)}, "episodes")
        return Data(tuple(map(whole, first)), again)

    def train(self, job: Job, data: Data[Example]) -> Mapping[str, Any]:
        if job.suite is None:
            raise BadSetting("grpo plays, and needs the suite of its tasks")
        return reinforce(job, job.suite, self.tasks(job.suite, data), self)

    def work(self, tuning: Tuning, data: Data[Example], suite: Suite | None) -> Work:
        tasks = len(self.tasks(suite, data)) if suite else len(data.rows)
        return Work(tuning.updates(tasks), self.group, plays=True)

    def tasks(self, suite: Suite, data: Data[Example]) -> list[Task]:
        """Raises: BadSetting where the suite has none of them."""
        every = suite.tasks("train")
        named = {row.source.task for row in data.rows}
        found = [task for task in every if task.id in named]
        drawn = Random(self.seed).sample(range(len(every)), min(self.more, len(every)))
        made = list(dict.fromkeys([*found, *(every[at] for at in drawn)]))
        if not made:
            raise BadSetting(f"the suite {suite.name} has none of the {len(named)} tasks among its training tasks")
        return made
