"""Doors whose key is known to an oracle, and episodes at them, for trainings that play."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from doors import Doors, call, metered, script

from knowhow.agents.episode import Agent, play
from knowhow.agents.metering import Meter
from knowhow.agents.types import Start
from knowhow.environments.types import Task, ToolCall, Trajectory


class Locked(Doors):
    """Seeds 0 and 1: the red key fits at 0, the green one at 1."""

    name = "locked"

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall]:
        key = ("red", "green")[seed]
        return [ToolCall("act", {"command": command}) for command in (f"take the {key} key", "unlock the door")]


def episode(*commands: str, seed: int = 0, door: int = 0) -> Trajectory:
    """An episode in which a player makes these calls, one after the other."""
    meter, suite = Meter(), Locked()
    agent = Agent(metered(meter, script(*(call(one, id=f"c{at}") for at, one in enumerate(commands)))), meter)

    async def work() -> Trajectory:
        return await play(suite, agent)(suite.tasks("train")[door], Start(seed))

    return asyncio.run(work())


def played(doors: int = 6) -> list[Trajectory]:
    """At every door a failure and a success for each key, with a wait before."""
    ways = [("wait", f"take the {key} key", "unlock the door") for key in ("red", "green")]
    return [episode(*way, seed=seed, door=door) for door in range(doors) for way in ways for seed in (0, 1)]


def tiny_locked(folder: Path) -> Path:
    """A model that makes calls at doors, and knows nothing of keys."""
    from knowhow.training.pocket.build import build
    from knowhow.training.pocket.pretrain import Size

    build(played(3) * 16, folder / "tiny", size=Size(64, 1, 2, 4096), vocabulary=400)
    return folder / "tiny"
