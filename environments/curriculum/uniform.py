"""The training tasks in the run's order, ``rollouts`` times each, and from the start again at their end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from knowhow.environments.curricula import Ask, Choice, Progress
from knowhow.environments.discover import at_least
from knowhow.environments.types import Suite, Task


@dataclass(frozen=True)
class Uniform:
    tasks: Sequence[Task]
    suite: Suite
    ask: Ask
    rollouts: int = 1
    labels = False

    def __post_init__(self) -> None:
        at_least(1, rollouts=self.rollouts)

    async def next(self, count: int, progress: Progress) -> Choice:
        places = range(progress.place, progress.place + count)
        return Choice(tuple(self.tasks[place // self.rollouts % len(self.tasks)] for place in places))
