"""Rejection sampling: imitate one's own successes (STaR, arXiv 2203.14465; ReST-EM, arXiv 2312.06585).

ReST-EM trains the base anew in every round, on what the last adapter played, with a cap per task so that easy tasks do
not crowd out the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowhow.environments.discover import at_least
from knowhow.environments.types import Trajectory
from knowhow.training.examples import all_whole
from knowhow.training.imitating import imitate
from knowhow.training.recipe import Job
from knowhow.training.selecting import deduplicated, successes
from knowhow.training.types import Data, Example
from knowhow.training.unaided import all_unaided


@dataclass(frozen=True)
class Sft:
    """``cap``: the most successes of a task, the shortest ones (0: all). ``memory``: leave in the prompts what memory
    gave; without it, what memory brought goes into the weights."""

    cap: int = 4
    memory: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(0, cap=self.cap)

    def examples(self, trajectories: Sequence[Trajectory]) -> Data[Example]:
        won = successes(trajectories, cap=self.cap, seed=self.seed)
        told = won if self.memory else won.then(all_unaided)
        return told.then(all_whole).then(deduplicated)

    def train(self, job: Job, data: Data[Example]) -> Mapping[str, Any]:
        return imitate(job, data.rows)
