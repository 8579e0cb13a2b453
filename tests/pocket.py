"""A pocket model made in seconds, and episodes to make it of."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

from knowhow.agents.episode import Agent, play
from knowhow.agents.metering import Meter
from knowhow.agents.types import Start
from knowhow.environments.suites.household import Household
from knowhow.environments.types import Trajectory
from knowhow.training.pocket.players import aimless, straight


@cache
def episodes(count: int = 16, attempts: int = 2) -> tuple[Trajectory, ...]:
    """Of so many training tasks, each played by one who knows a way and by one who knows none, in the same world."""
    return asyncio.run(_episodes(count, attempts))


async def _episodes(count: int, attempts: int) -> tuple[Trajectory, ...]:
    suite, played = Household(), []
    for number, task in enumerate(suite.tasks("train")[:count]):
        for attempt in range(attempts):
            dice = Random(f"{number}/{attempt}")
            player = aimless(task.goal, dice) if attempt % 2 else straight(task.goal, suite.oracle(task, seed=number))
            start = Start(number, attempt=attempt)
            played.append(await play(suite, Agent(player, Meter(), model="mediocre"))(task, start))
    return tuple(played)


def tiny(folder: Path, of: Sequence[Trajectory] = ()) -> Path:
    """A model of some tens of thousands of parameters that has learned next to nothing."""
    from knowhow.training.pocket.build import build
    from knowhow.training.pocket.pretrain import Size

    build((of or episodes())[:12], folder / "tiny", size=Size(32, 1, 2, 4096), vocabulary=512)
    return folder / "tiny"
