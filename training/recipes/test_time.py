"""TT-SI: an uncertain case is trained on, by successes of similar tasks (arXiv 2510.07841).

As a recipe, it trains one adapter for all episodes that the agent was unsure in. ``training/test_time.py`` does the
same at run time, for one case and with an adapter that is thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from knowhow.environments.discover import at_least, between
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Task, Trajectory
from knowhow.memory.embed import load_embedder
from knowhow.memory.lineage import task_key
from knowhow.training.examples import all_whole
from knowhow.training.imitating import imitate
from knowhow.training.recipe import Job
from knowhow.training.selecting import deduplicated, successes
from knowhow.training.types import Data, Dropped, Example


@dataclass(frozen=True)
class TestTime:
    """``similar``: how many successes of other tasks an uncertain one gets, those with the nearest goals as the
    ``embedder`` sees them; ``share``: how much of the episodes counts as uncertain, in [0, 1]; ``cap`` as in
    ``sft``."""

    __test__ = False  # pytest takes the name for its own

    similar: int = 4
    share: float = 0.5
    cap: int = 1
    embedder: str = "hashing"
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(1, similar=self.similar)
        at_least(0, cap=self.cap)
        between(0, 1, share=self.share)

    def examples(self, trajectories: Sequence[Trajectory]) -> Data[Example]:
        """Successes that are near an uncertain episode. Raises: BadSetting where no episode tells its samples."""
        won, limit = successes(trajectories, cap=self.cap, seed=self.seed), self.limit(trajectories)
        unsure = list(dict.fromkeys(one.task for one in trajectories if surprise(one) >= limit))
        near = {one.id: one for task in unsure for one in self.nearest(task, won.rows)}
        far = Dropped("near no uncertain episode", len(won.rows) - len(near), "episodes")
        made = all_whole(list(near.values())).then(deduplicated)
        return Data(made.rows, (*won.dropped, *[far] * (far.count > 0), *made.dropped))

    def train(self, job: Job, data: Data[Example]) -> Mapping[str, Any]:
        return imitate(job, data.rows)

    def limit(self, trajectories: Sequence[Trajectory]) -> float:
        """The surprise from which on an episode counts as uncertain, so that ``share`` of these do; 0 for all of them.

        Raises: BadSetting where none of them tells its samples.
        """
        told = sorted(surprise(one) for one in trajectories if any(one.samples))
        if not told:
            raise BadSetting("none of the episodes tells how likely its replies were; play them with hf:PATH")
        sure = round((1 - self.share) * len(told))
        return told[sure] if 0 < sure < len(told) else (0.0 if sure == 0 else inf)

    def nearest(self, task: Task, won: Sequence[Trajectory]) -> list[Trajectory]:
        """The ``similar`` successes of other tasks with the nearest goals, the nearest first."""
        others = [one for one in won if task_key(one.task) != task_key(task)]
        if not others:
            return []
        vectors = load_embedder(self.embedder)([task.goal, *(one.task.goal for one in others)])
        close = vectors[1:] @ vectors[0]
        return [others[at] for at in (-close).argsort(kind="stable")[: self.similar]]


def surprise(trajectory: Trajectory) -> float:
    """How little the model expected its own replies: their negative log-probability in nats, the mean over replies;
    0 where nothing was sampled."""
    said = [-sum(sample.logprobs) for sample in trajectory.samples if sample is not None]
    return sum(said) / len(said) if said else 0.0
