"""The suite ``textworld``: games that TextWorld makes and plays, its cooking games first."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from knowhow.environments.discover import at_least, parse, split_list
from knowhow.environments.engine_episode import EngineEpisode
from knowhow.environments.errors import BadSetting, MissingExtra, UnknownName
from knowhow.environments.lazy import Lazy
from knowhow.environments.types import SPLITS, Environment, Feedback, Split, Suite, Task, ToolCall
from knowhow.environments.worker import Workers, at_once

ENGINE = Path(__file__).parents[1] / "textworld_engine.py"

GAMES = (
    "tw-cooking(recipe=1, take=1, cook=True), tw-cooking(recipe=1, take=1, cut=True, open=True), "
    "tw-cooking(recipe=2, take=2, cook=True, cut=True, open=True, go=6), tw-coin_collector(level=110)"
)

GOALS: Mapping[str, str] = {
    "tw-cooking": "find the cookbook, prepare the meal of its recipe and eat it",
    "tw-coin_collector": "find the coin and take it",
}
"""What a task asks for, where the game is one that asks always the same; the first observation says it in its words."""

OWN_SPLITS: Mapping[Split, str] = {"train": "train", "validation": "valid", "test": "test"}
"""The names of TextWorld's own splits: cooking games have other foods and recipes in each."""


class Textworld(Suite):
    """Games of several kinds in turn, made on the spot by TextWorld, each from a seed that belongs to one split.

    ``games``: what ``tw-make`` can make, with its options as settings, as in ``'tw-treasure_hunter(level=5)'``.
    ``size`` is how many tasks training has, and validation and test a third of it each. ``folder`` keeps the games, by
    default one in the user's cache: making a game takes some seconds, playing it milliseconds.

    The reward is the share of the game's points, told as they are earned; all of them are a success. The game's text
    does not tell the score. The seed of an episode changes nothing. Each episode runs in a process of its own.

    Raises: asked for an episode, MissingExtra; EngineFailed for a game or an option that TextWorld does not know.
    """

    name = "textworld"
    description = "TextWorld's games: cooking by a recipe, in a kitchen or a house, and finding a coin in a maze."
    licence = "MIT"
    source = "TextWorld (arXiv 1806.11532), https://github.com/microsoft/TextWorld at 1.7.0"
    extra = "worlds"
    max_steps = 50

    def __init__(self, games: str = GAMES, *, size: int = 600, folder: str = "") -> None:
        at_least(3, size=size)
        self._games = split_list(games)
        if not self._games:
            raise BadSetting("games='' names no game; name one, as in games='tw-cooking(recipe=1, take=1)'")
        self._kept = Path(folder).expanduser() if folder else _cache()
        self._sizes: dict[Split, int] = {"train": size, "validation": size // 3, "test": size // 3}

    def tasks(self, split: Split) -> Sequence[Task]:
        _installed()
        return Lazy(self._sizes[split], partial(self._task, split))

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        game = await self._made(task)
        async with _workers().open() as worker:
            yield EngineEpisode(worker, str(game / "game.z8"), _feedback)

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        """The walkthrough that the game was made with."""
        game = json.loads((at_once(self._made(task)) / "game.json").read_text())
        return [ToolCall("act", {"command": command}) for command in game["metadata"]["walkthrough"]]

    def _task(self, split: Split, index: int) -> Task:
        game = self._games[index % len(self._games)]
        name, _ = parse(game)
        seed = index // len(self._games) * len(SPLITS) + SPLITS.index(split)
        goal = GOALS.get(name, "do what the game asks for")
        return Task(f"{game}/{seed}", self.name, split, name.removeprefix("tw-"), goal)

    async def _made(self, task: Task) -> Path:
        """The folder of a task's game, which is made where it is not there yet."""
        game, _, seed = task.id.rpartition("/")
        if game not in self._games or not seed.isdecimal() or int(seed) % len(SPLITS) != SPLITS.index(task.split):
            raise UnknownName(f"the suite {self.name} has no task {task.id!r}; take one from tasks({task.split!r})")
        place = self._kept / re.sub(r"[^\w=+-]+", "_", f"{task.split}-{task.id}")
        if not place.exists():
            name, settings = parse(game)
            self._kept.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._kept, prefix=".making-") as making:
                async with _workers().open() as worker:
                    await worker.ask("make", name, settings, OWN_SPLITS[task.split], int(seed), making)
                _settle(Path(making), place)
        return place


def _settle(making: Path, place: Path) -> None:
    """All of a game at once, whoever else makes the same one."""
    whole = making / "whole"
    whole.mkdir()
    for file in ("game.z8", "game.json"):
        shutil.move(making / file, whole)
    try:
        whole.rename(place)
    except OSError:
        if not place.exists():
            raise


def _feedback(seen: Mapping[str, Any]) -> Feedback:
    return Feedback(seen["text"], seen["reward"], terminated=seen["over"], commands=tuple(seen["commands"]))


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "knowhow" / "textworld-1.7"


@functools.cache
def _workers() -> Workers:
    """All episodes of this process share the process that theirs are forked from."""
    _installed()
    return Workers(ENGINE, label="TextWorld", environ={"PYTHONHASHSEED": "0"})


def _installed() -> None:
    if importlib.util.find_spec("textworld") is None:
        raise MissingExtra("the suite textworld needs TextWorld; run: pip install 'knowhow-agents[worlds]'")
