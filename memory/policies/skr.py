"""SKR: recall only where the nearest past tasks say that the agent does not succeed alone (arXiv 2310.05002).

Self-knowledge is collected from what the agent did without memory, and asked by nearest neighbours, as in the paper's
SKR-knn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knowhow.agents.types import Decider, Query
from knowhow.environments.discover import at_least
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite, Trajectory
from knowhow.memory.choosing.alone import Alone
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Scored


@dataclass
class Skr:
    """Nothing is recalled where, of the ``k`` nearest tasks done without memory, at least ``enough`` (a part, in
    (0, 1]) succeeded.

    Only tasks of at least the cosine similarity ``near`` count; of fewer than ``fewest`` such tasks nothing is
    concluded, and memory is recalled. The newest ``keep`` tasks are remembered.
    """

    memory: Memory
    ask: Decider
    suite: Suite | None = None
    k: int = 10
    near: float = 0.3
    fewest: int = 3
    enough: float = 0.8
    keep: int = 500
    kind: str = "skr"

    def __post_init__(self) -> None:
        at_least(1, k=self.k, fewest=self.fewest, keep=self.keep)
        if not (0 < self.enough <= 1 and -1 <= self.near <= 1):
            raise BadSetting(f"enough={self.enough!r} must lie above 0 and up to 1, near={self.near!r} from -1 to 1")
        self._alone = Alone(self.memory, self.kind, "skr", self.keep)

    def __call__(self, query: Query, ranked: Sequence[Scored]) -> Sequence[Scored]:
        return () if self.knows(query) else ranked

    def knows(self, query: Query) -> bool:
        """Whether the agent most likely succeeds alone."""
        past = self._alone.past().without(query.task)
        if not len(past.success):
            return False
        cosines = past.vectors @ self._alone.vector(query)
        nearest = np.argsort(-cosines, kind="stable")[: self.k]
        success = past.success[nearest[cosines[nearest] >= self.near]]
        return len(success) >= self.fewest and float(success.mean()) >= self.enough

    async def learn(self, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """Records of the episodes that were shown nothing. Raises: ValueError for a test trajectory."""
        return self._alone.learn(trajectories)
