"""Thrust: recall only where a task is far from the clusters of tasks that the agent can do (arXiv 2307.10442).

The paper clusters seen instances by the model's own hidden states, which tell what it knows. The embeddings here do
not, so that only tasks that the agent did without memory make clusters; and the threshold, which the paper sets by the
budget for retrieval, comes from the scores of tasks at which it failed without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

import numpy as np
from numpy.typing import NDArray

from knowhow.agents.types import Decider, Query
from knowhow.environments.discover import at_least
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite, Trajectory
from knowhow.memory.choosing.alone import Alone, Past
from knowhow.memory.choosing.clusters import k_means
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Scored

_NEAREST = 0.1
"""A task is never taken to be nearer to a cluster, so that no single one decides."""


@dataclass(frozen=True, slots=True)
class Pull:
    """The clusters of all classes: centres, and sizes over the number of classes and of clusters in the class."""

    centres: NDArray[np.float32]
    weights: NDArray[np.float64]

    def thrust(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """The length of the sum of pulls, each towards a cluster and as strong as its weight over the distance
        squared (equation 3)."""
        away = self.centres[None] - vectors[:, None]
        away[..., 0] += 1e-6  # from the very centre, any direction will do
        distance = np.linalg.norm(away, axis=2, keepdims=True)
        pulls = self.weights[:, None] / np.maximum(distance, _NEAREST) ** 2 * away / distance
        return np.asarray(np.linalg.norm(pulls.sum(axis=1), axis=1), np.float64)


@dataclass
class Thrust:
    """Nothing is recalled where the score is above ``sure`` (a part, in (0, 1]) of those of tasks that failed without
    memory.

    The classes are the kinds of task. Before ``fewest`` tasks succeeded and as many failed, memory is always recalled.
    The newest ``keep`` tasks are remembered.
    """

    memory: Memory
    ask: Decider
    suite: Suite | None = None
    sure: float = 0.9
    fewest: int = 3
    keep: int = 500
    kind: str = "thrust"
    _known: tuple[int, Pull, float] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        at_least(1, fewest=self.fewest, keep=self.keep)
        if not 0 < self.sure <= 1:
            raise BadSetting(f"sure={self.sure!r} must lie above 0 and up to 1")
        self._alone = Alone(self.memory, self.kind, "thr", self.keep)

    def __call__(self, query: Query, ranked: Sequence[Scored]) -> Sequence[Scored]:
        return () if self.knows(query) else ranked

    def knows(self, query: Query) -> bool:
        """Whether the agent most likely succeeds alone."""
        past = self._alone.past()
        others = past.without(query.task)
        done = int((others.success >= 0.5).sum())
        if min(done, len(others.success) - done) < self.fewest:
            return False
        pull, threshold = self._fit(others) if others is past else fitted(others, self.sure)
        return bool(pull.thrust(self._alone.vector(query)[None])[0] > threshold)

    async def learn(self, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """Records of the episodes that were shown nothing. Raises: ValueError for a test trajectory."""
        return self._alone.learn(trajectories)

    def _fit(self, past: Past) -> tuple[Pull, float]:
        version = self.memory.version
        if self._known is None or self._known[0] != version:
            self._known = version, *fitted(past, self.sure)
        return self._known[1:]


def fitted(past: Past, sure: float) -> tuple[Pull, float]:
    """The clusters of the tasks that succeeded, and the score above which a task is most likely one of those."""
    done = past.success >= 0.5
    kinds = np.unique(past.kinds[done])
    classes = [_clusters(past.vectors[done & (past.kinds == kind)]) for kind in kinds]
    weights = [sizes / (len(kinds) * len(sizes)) for _, sizes in classes]
    pull = Pull(np.concatenate([centres for centres, _ in classes]), np.concatenate(weights))
    return pull, float(np.quantile(pull.thrust(past.vectors[~done]), sure))


def _clusters(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """As many clusters as the paper takes: the fourth root of the number of instances, at least 3."""
    return k_means(vectors, max(3, ceil(len(vectors) ** 0.25)))
