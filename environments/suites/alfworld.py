"""The suite ``alfworld``: ALFWorld's own engine, on generated games or on the official ones."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from knowhow.environments import alfred
from knowhow.environments.alfred import library
from knowhow.environments.alfred.generated import Generated
from knowhow.environments.alfred.official import Official, official
from knowhow.environments.engine_episode import EngineEpisode
from knowhow.environments.types import Environment, Feedback, Split, Suite, Task, ToolCall
from knowhow.environments.worker import Workers


class Alfworld(Suite):
    """Household tasks of six kinds (put, clean, heat, cool, light, put two), told and judged by the engine of ALFWorld.

    The games are the official ones where ``data`` (by default the environment variable ALFWORLD_DATA) is a folder that
    has them, and generated ones otherwise; ``description`` says which. Generated: the test split has the 24 floor plans
    of 120 that ALFRED keeps for testing, so that training never shows them; training and validation share the other 96,
    but no goal in them (a kind of task with a thing and a receptacle in a floor plan). Official: ``train``,
    ``valid_seen`` and ``valid_unseen``.

    A task is one fixed game: the seed of an episode changes nothing. The reward is 1 when the goal is reached, which
    ends the episode. Each episode runs in a process of its own, which ends with it.
    """

    name = "alfworld"
    description = Generated.description
    licence = "MIT (alfworld, textworld), GPL-3.0 (fast-downward)"
    source = "ALFWorld (arXiv 2010.03768), https://github.com/alfworld/alfworld at 0.4.2"
    extra = "alfworld"
    reward_visible = False
    max_steps = 50

    def __init__(self, data: str | None = None) -> None:
        folder = os.environ.get("ALFWORLD_DATA", "") if data is None else data
        self._games: Official | Generated = official(folder) or Generated()
        self.description = self._games.description

    def tasks(self, split: Split) -> Sequence[Task]:
        """The tasks of a split. Raises: MissingExtra where the engine is not installed."""
        return self._games.tasks(split)

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        """One episode. Raises: MissingExtra; UnknownName for a task that is none of this suite's."""
        game = self._games.game(task)
        async with _workers().open() as worker:
            yield EngineEpisode(worker, game, _feedback)

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        commands = self._games.walkthrough(task)
        return None if commands is None else [ToolCall("act", {"command": command}) for command in commands]


def _feedback(seen: Mapping[str, Any]) -> Feedback:
    won = seen["won"]
    return Feedback(seen["text"], reward=float(won), terminated=won, commands=() if won else tuple(seen["commands"]))


@functools.cache
def _workers() -> Workers:
    """All episodes of this process share the process that theirs are forked from."""
    library.package()
    # The engine tells what it sees in the order of a set, which is that of hashes: with a fixed seed, always the same.
    # The package makes ALFWORLD_DATA where it is no folder yet, so it gets one that is.
    environ = {"PYTHONHASHSEED": "0", "ALFWORLD_DATA": tempfile.gettempdir()}
    return Workers(Path(alfred.__path__[0]) / "engine.py", label="ALFWorld's engine", environ=environ)
