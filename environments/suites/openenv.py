"""The suite ``openenv``: any environment that an OpenEnv server plays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from knowhow.environments.discover import at_least
from knowhow.environments.episode import Episode
from knowhow.environments.errors import BadSetting, EngineFailed, UnknownName
from knowhow.environments.lazy import Lazy
from knowhow.environments.remote.link import Link
from knowhow.environments.remote.openenv_actions import Actions, actions_of, listed, told
from knowhow.environments.remote.openenv_client import OpenEnvSession, Refused, session
from knowhow.environments.types import SPLITS, Environment, Feedback, Split, Suite, Task, ToolCall

LONGEST = 20_000
"""Characters of an observation; what goes beyond is cut off, and said to be."""


class Openenv(Suite):
    """Episodes of the environment at ``url``, a task for each seed of its own; the splits share no seed.

    OpenEnv has neither lists of tasks nor splits: a task is what ``reset`` makes of its seed. ``goal`` tells the agent
    what it is all about, by default the environment's own description. ``options`` go along with every reset. ``size``
    is how many tasks training has, and validation and test a third of it each.

    The fields of the environment's action are the arguments of one tool, ``act``; an environment with MCP tools has
    these. The reward is 1 at the end of an episode that is a success: where its return (the sum of its rewards) is
    at least ``win``, or above 0 where no ``win`` is given. With a ``win``, reaching it ends the episode, since many
    environments never say that they are done. ``seconds`` is how long one reply may take, and how long a place at a
    full server is waited for. The seed of an episode changes nothing. What a stranger's environment tells may have been
    written by anybody, unless ``outside=False``.

    Raises: BadSetting where there is no such server; in an episode, EngineFailed where it is gone.
    """

    name = "openenv"
    description = "Any environment of an OpenEnv server, a task for each seed: openenv(url='http://...')."
    licence = "the environment's own"
    source = "OpenEnv, https://github.com/meta-pytorch/OpenEnv: the protocol of openenv-core 0.3.0"
    outside = True

    def __init__(
        self,
        url: str = "",
        *,
        name: str = "",
        goal: str = "",
        options: Mapping[str, Any] | None = None,
        win: float | None = None,
        size: int = 600,
        max_steps: int = 30,
        seconds: float = 120.0,
        outside: bool = True,
    ) -> None:
        if not url:
            raise BadSetting("openenv needs the server's address, as in openenv(url='http://127.0.0.1:8000')")
        at_least(3, size=size)
        at_least(1, max_steps=max_steps)
        self._link = Link(url, seconds)
        self._actions, about = self._asked()
        self._options, self._win, self.max_steps, self.outside = dict(options or {}), win, max_steps, outside
        self.name = name or str(about.get("name") or self.name)
        self.description = str(about.get("description") or self.description)
        self._goal = goal or f"do well in this: {self.description}"
        self._sizes: dict[Split, int] = {"train": size, "validation": size // 3, "test": size // 3}

    def tasks(self, split: Split) -> Sequence[Task]:
        return Lazy(self._sizes[split], partial(self._task, split))

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        asked = {"seed": self._seed(task), "episode_id": task.id, **self._options}
        async with session(self._link.url, self._link.seconds, asked) as (mine, first):
            actions = await _with_tools(mine, self._actions) if self._actions.mcp else self._actions
            yield _Episode(mine, first, actions, task.goal, self._win)

    def _task(self, split: Split, index: int) -> Task:
        return Task(f"seed-{index * len(SPLITS) + SPLITS.index(split)}", self.name, split, self.name, self._goal)

    def _seed(self, task: Task) -> int:
        seed = task.id.removeprefix("seed-")
        if not seed.isdecimal():
            raise UnknownName(f"the suite {self.name} has no task {task.id!r}; take one from tasks({task.split!r})")
        return int(seed)

    def _asked(self) -> tuple[Actions, Mapping[str, Any]]:
        """The actions, and what the environment says of itself."""
        try:
            actions = self._link.ask_at_once("GET", "/schema", lambda told: actions_of(told.get("action") or {}))
            return actions, self._link.ask_at_once("GET", "/metadata", dict)
        except EngineFailed as error:
            raise BadSetting(str(error)) from None


class _Episode(Episode):
    """One session that has been reset."""

    def __init__(
        self, mine: OpenEnvSession, first: Mapping[str, Any], actions: Actions, goal: str, win: float | None
    ) -> None:
        super().__init__(*actions.tools)
        self._mine, self._first, self._actions, self._goal, self._win = mine, first, actions, goal, win
        self._return = 0.0

    async def begin(self) -> Feedback:
        return Feedback(f"Your task: {self._goal}\n{_seen(self._first)}", commands=self._actions.commands())

    async def answer(self, call: ToolCall) -> Feedback:
        try:
            said = await self._mine.ask("step", self._actions.encode(call))
        except Refused as refused:
            return Feedback(f"This cannot be done: {refused}", commands=self._actions.commands())
        self._return += float(said.get("reward") or 0.0)
        over = bool(said.get("done")) or (self._win is not None and self._return >= self._win)
        return Feedback(
            _seen(said),
            reward=float(over and self._is_won()),
            terminated=over,
            commands=() if over else self._actions.commands(),
        )

    def _is_won(self) -> bool:
        return self._return > 0 if self._win is None else self._return >= self._win


async def _with_tools(mine: OpenEnvSession, actions: Actions) -> Actions:
    said = await mine.ask("step", {"type": "list_tools"})
    try:
        return replace(actions, tools=listed(_observation(said).get("tools")))
    except ValueError as error:
        raise EngineFailed(f"the environment lists no tools: {error}") from None


def _seen(said: Mapping[str, Any]) -> str:
    return told(_observation(said), LONGEST)


def _observation(said: Mapping[str, Any]) -> Mapping[str, Any]:
    seen = said.get("observation")
    return seen if isinstance(seen, dict) else {"observation": seen}
