"""Context distillation: what memory gave in the prompt goes into the weights (arXiv 2209.15189; 2412.14964).

The teacher is the base itself with the memory in its prompt, the student the base with the adapter and no memory. Both
read the same episodes, and the student learns the teacher's distribution over each token of the replies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowhow.environments.discover import positive
from knowhow.environments.types import Trajectory
from knowhow.training.distilling import distil
from knowhow.training.examples import all_whole
from knowhow.training.recipe import Job
from knowhow.training.selecting import deduplicated, ended, keep
from knowhow.training.types import Data, Example
from knowhow.training.unaided import all_unaided


@dataclass(frozen=True)
class ContextDistillation:
    """``temperature``: above 1, the teacher's less likely tokens count more. Episodes of failures teach as well: what
    is matched is the teacher's judgement at every reply, not what was drawn."""

    temperature: float = 1.0

    def __post_init__(self) -> None:
        positive(temperature=self.temperature)

    def examples(self, trajectories: Sequence[Trajectory]) -> Data[Example]:
        """The episodes that memory had a part in, as they were played."""
        shown = keep(trajectories, lambda one: "" if one.shown else "memory showed nothing", "episodes")
        able = shown.then(ended)
        told = all_unaided(able.rows)  # leaves out those that cannot be told without memory
        kept = {trajectory.id for trajectory in told.rows}
        whole = all_whole([trajectory for trajectory in able.rows if trajectory.id in kept])
        made = deduplicated(whole.rows)
        return Data(made.rows, (*able.dropped, *told.dropped, *whole.dropped, *made.dropped))

    def train(self, job: Job, data: Data[Example]) -> Mapping[str, Any]:
        return distil(job, data.rows, self.temperature)
