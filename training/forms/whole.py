"""Episodes whole: all their replies count at once. Of successes alone unless ``failures``; ``cap``: the most of a
task, the shortest, 0 for all."""

from __future__ import annotations

from collections.abc import Sequence

from knowhow.environments.types import Trajectory
from knowhow.training.examples import all_whole
from knowhow.training.selecting import chosen
from knowhow.training.types import Data, Example


def whole(trajectories: Sequence[Trajectory], *, failures: bool = False, cap: int = 0, seed: int = 0) -> Data[Example]:
    return chosen(trajectories, failures=failures, cap=cap, seed=seed).then(all_whole)
