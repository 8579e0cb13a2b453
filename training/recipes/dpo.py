"""DPO on where a better and a worse episode of a task part (arXiv 2305.18290), with a term that keeps the better reply
likely (``sft``, as in arXiv 2404.19733)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowhow.environments.discover import at_least, positive
from knowhow.environments.types import Trajectory
from knowhow.training.pairs import pairs
from knowhow.training.preferring import prefer
from knowhow.training.recipe import Job
from knowhow.training.selecting import deduplicated
from knowhow.training.types import Data, Pair


@dataclass(frozen=True)
class Dpo:
    """``cap``: the most pairs of a task (0: all); ``beta``: how strongly the adapter is held to the base."""

    cap: int = 4
    beta: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(0, cap=self.cap)
        positive(beta=self.beta)

    def examples(self, trajectories: Sequence[Trajectory]) -> Data[Pair]:
        return pairs(trajectories, cap=self.cap, seed=self.seed).then(deduplicated)

    def train(self, job: Job, data: Data[Pair]) -> Mapping[str, Any]:
        return prefer(job, data.rows, beta=self.beta, losses=("sigmoid", "sft"))
