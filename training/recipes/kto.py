"""KTO: good and bad replies that need no partner (arXiv 2402.01306)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowhow.environments.discover import at_least, positive
from knowhow.environments.types import Trajectory
from knowhow.training.judging import judged
from knowhow.training.preferring import judge
from knowhow.training.recipe import Job
from knowhow.training.types import Data, Judged


@dataclass(frozen=True)
class Kto:
    """``cap``: the most replies of an episode (0: all); ``balanced``: as many good as bad ones; ``beta``: how strongly
    the adapter is held to the base."""

    cap: int = 4
    balanced: bool = True
    beta: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(0, cap=self.cap)
        positive(beta=self.beta)

    def examples(self, trajectories: Sequence[Trajectory]) -> Data[Judged]:
        return judged(trajectories, cap=self.cap, balanced=self.balanced, seed=self.seed)

    def train(self, job: Job, data: Data[Judged]) -> Mapping[str, Any]:
        return judge(job, data.rows, beta=self.beta)
