"""Replies one by one, each after all that came before it. Of successes alone unless ``failures``; ``cap``: the most
successes of a task, the shortest, 0 for all."""

from __future__ import annotations

from collections.abc import Sequence

from knowhow.environments.types import Trajectory
from knowhow.training.examples import all_turns
from knowhow.training.selecting import chosen
from knowhow.training.types import Data, Example


def turns(trajectories: Sequence[Trajectory], *, failures: bool = False, cap: int = 0, seed: int = 0) -> Data[Example]:
    return chosen(trajectories, failures=failures, cap=cap, seed=seed).then(all_turns)
