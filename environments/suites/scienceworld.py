"""The suite ``scienceworld``: school experiments in text rooms, told and judged by ScienceWorld's own engine."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from knowhow.environments import science
from knowhow.environments.discover import at_least, split_list, unknown
from knowhow.environments.engine_episode import EngineEpisode
from knowhow.environments.errors import BadSetting, MissingExtra, UnknownName
from knowhow.environments.pool import Pool
from knowhow.environments.science import goals
from knowhow.environments.types import SPLITS, Environment, Feedback, Split, Suite, Task, ToolCall
from knowhow.environments.worker import Workers, at_once

JAVA = "-Xmx384m -XX:+UseSerialGC -XX:+IgnoreUnrecognizedVMOptions -XX:+UnlockExperimentalVMOptions -XX:hashCode=2"
"""Options of a Java program: its memory, little ado for what lives for minutes, and one hash code for all objects: the
engine tells things in the order of their hash codes, which else depend on what the program played before. It compiles
as it likes: a gold path of mendelian-genetics takes 4 to 7 seconds of processor time so, and 10 to 15 where it compiles
at the first level alone."""

SIMPLIFICATIONS = frozenset(
    {"easy", "teleportAction", "selfWateringFlowerPots", "openContainers", "openDoors", "noElectricalAction"}
)


class Scienceworld(Suite):
    """Thirty kinds of experiment in 7,207 variations, with ScienceWorld's own splits.

    ``kinds``: the tasks to take, by ScienceWorld's names (``'boil, melt'``); all of them where it is empty.
    ``simplification``: ScienceWorld's simplifications, separated by commas; "easy" is all of them.

    ``most``: where more commands are possible they are not listed, for there can be over a thousand; the first
    observation tells the forms that commands have.

    The reward is what the score rises by, as a share of what it can rise by; all of it is a success. A failure ends the
    episode and takes back what was earned. The seed of an episode changes nothing. Episodes run in Java programs of at
    most 384 MB of heap each, as many as there are episodes at once; a few are kept for the next ones, and all end with
    this process.

    Raises: UnknownName for a kind, BadSetting for a simplification that there is not; asked for tasks, MissingExtra.
    """

    name = "scienceworld"
    description = "ScienceWorld's 30 kinds of school experiment in text rooms: boil, melt, measure, wire, grow, breed."
    licence = "Apache-2.0"
    source = "ScienceWorld (arXiv 2203.07540), https://github.com/allenai/ScienceWorld at 1.2.3"
    extra = "worlds"
    max_steps = 200

    def __init__(self, kinds: str = "", *, simplification: str = "easy", most: int = 300) -> None:
        at_least(0, most=most)
        self._kinds = split_list(kinds) or goals.kinds()
        for kind in self._kinds:
            if kind not in goals.kinds():
                raise unknown("task of ScienceWorld", kind, goals.kinds())
        if wrong := {one for one in simplification.split(",") if one} - SIMPLIFICATIONS:
            known = ", ".join(sorted(SIMPLIFICATIONS))
            raise BadSetting(f"simplification={simplification!r}: {', '.join(wrong)} is none; take some of {known}")
        self._simplification = simplification
        self._most = most

    def tasks(self, split: Split) -> Sequence[Task]:
        _installed()
        return self._listed[split]

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        game = self._game(task)
        async with _pool().open() as worker:
            yield EngineEpisode(worker, game, self._feedback)

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        """The engine's gold path; None where it is longer than an episode, as those of inclined planes may be."""
        path = _gold(*self._game(task).values())
        return [ToolCall("act", {"command": command}) for command in path] if len(path) <= self.max_steps else None

    @functools.cached_property
    def _listed(self) -> Mapping[Split, Sequence[Task]]:
        """One task of each kind in turn, for as long as it has any."""
        return {
            split: [
                Task(f"{kind}-{variation}", self.name, split, kind, goals.goal(kind, variation))
                for kind, variation in goals.in_turn(self._kinds, split)
            ]
            for split in SPLITS
        }

    def _game(self, task: Task) -> Mapping[str, Any]:
        kind, _, number = task.id.rpartition("-")
        if kind not in self._kinds or not number.isdecimal() or int(number) not in goals.variations(kind, task.split):
            raise UnknownName(f"the suite {self.name} has no task {task.id!r}; take one from tasks({task.split!r})")
        return {"task": kind, "variation": int(number), "simplification": self._simplification}

    def _feedback(self, seen: Mapping[str, Any]) -> Feedback:
        commands = tuple(seen["commands"]) if len(seen["commands"]) <= self._most else None
        return Feedback(seen["text"], seen["reward"], terminated=seen["over"], commands=commands)


@functools.cache
def _pool() -> Pool:
    """All episodes of this process share a pool of Java programs."""
    _installed()
    options = f"{os.environ.get('JAVA_TOOL_OPTIONS', '')} {JAVA}".strip()
    engine = Path(science.__path__[0]) / "engine.py"
    return Pool(Workers(engine, label="ScienceWorld", seconds=600, environ={"JAVA_TOOL_OPTIONS": options}))


@functools.lru_cache(1000)
def _gold(task: str, variation: int, simplification: str) -> Sequence[str]:
    """Asked for once: the seed changes nothing, and some take long."""
    game = {"task": task, "variation": variation, "simplification": simplification}
    return tuple(at_once(_pool().ask("gold", game)))


def _installed() -> None:
    if importlib.util.find_spec("scienceworld") is None:
        raise MissingExtra("the suite scienceworld needs ScienceWorld; run: pip install 'knowhow-agents[worlds]'")
    if shutil.which("java") is None:
        raise MissingExtra("the suite scienceworld needs Java; on Debian: apt install openjdk-17-jre-headless")
