"""The suite ``remote``: the suite that a server plays, in another process, container or language."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from knowhow.environments.episode import Episode
from knowhow.environments.errors import BadSetting, EngineFailed
from knowhow.environments.lazy import Lazy
from knowhow.environments.remote import wire
from knowhow.environments.remote.link import Link
from knowhow.environments.types import SPLITS, Environment, Feedback, Split, Suite, Task, Tool, ToolCall

PAGE = 500
"""Tasks that are asked for at once."""
CLOSE_S = 5
"""How long a server may take to hear that an episode is over; it ends one that is left alone anyway."""


class Remote(Suite):
    """What ``knowhow serve-suite`` serves at ``url``, or anybody who speaks its protocol (``docs/remote.md``).

    Name, tasks, limits and trust are what the server says, so that memory learned here is memory of its suite; ``name``
    calls it otherwise. ``seconds`` is how long one reply may take, and how long a place at a full server is waited for.
    A token goes into the environment variable KNOWHOW_TOKEN. The oracle is the server's, where it was started with
    ``--oracle``.

    Raises: BadSetting where there is no such server; in an episode, EngineFailed where it is gone.
    """

    name = "remote"
    description = "A suite in another process, container or language, over HTTP: remote(url='http://...')."
    licence = "the served suite's own"
    source = "the protocol of docs/remote.md"
    oracle_for = "as served"

    def __init__(self, url: str = "", *, name: str = "", seconds: float = 120.0) -> None:
        if not url:
            raise BadSetting("remote needs the server's address, as in remote(url='http://127.0.0.1:8000')")
        self._link = Link(url, seconds)
        self._about = self._told_about()
        self.name = name or str(self._about["name"])
        self.description, self.licence, self.source = (
            str(self._about.get(field) or getattr(Remote, field)) for field in ("description", "licence", "source")
        )
        self.max_steps = self._about.get("max_steps") or Suite.max_steps
        self.reward_visible = bool(self._about.get("reward_visible"))
        self.outside = bool(self._about.get("outside"))
        self._pages: dict[tuple[Split, int], list[Task]] = {}

    def tasks(self, split: Split) -> Sequence[Task]:
        return Lazy(self._about["tasks"][split], partial(self._task, split))

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        async with self._link.client() as client:
            ask = partial(self._link.ask, client, "POST")
            begun = await ask("/reset", _begun, task=wire.task_out(task), seed=seed)
            try:
                yield _Episode(ask, *begun)
            finally:
                with contextlib.suppress(EngineFailed, TimeoutError):
                    async with asyncio.timeout(CLOSE_S):
                        await ask("/close", dict, session=begun[0])

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        if not self._about.get("oracle"):
            return None
        return self._link.ask_at_once("POST", "/oracle", _calls, task=wire.task_out(task), seed=seed)

    def _told_about(self) -> Mapping[str, Any]:
        try:
            return self._link.ask_at_once("GET", "/suite", _about)
        except EngineFailed as error:
            other = "; where an OpenEnv server runs there, write openenv(url=...)" if "/suite" in str(error) else ""
            raise BadSetting(f"{error}{other}") from None

    def _task(self, split: Split, index: int) -> Task:
        page, place = divmod(index, PAGE)
        if (split, page) not in self._pages:
            start, count = page * PAGE, min(PAGE, self._about["tasks"][split] - page * PAGE)
            read, asked = partial(_tasks, self.name, split, count), {"split": split, "start": start, "count": count}
            self._pages[split, page] = self._link.ask_at_once("GET", "/tasks", read, **asked)
        return self._pages[split, page][place]


class _Episode(Episode):
    """One session of the server's."""

    def __init__(self, ask: Any, session: str, tools: Sequence[Tool], first: Feedback) -> None:
        super().__init__(*tools)
        self._ask, self._session, self._first = ask, session, first

    async def begin(self) -> Feedback:
        return self._first

    async def answer(self, call: ToolCall) -> Feedback:
        said: Feedback = await self._ask("/step", wire.feedback_in, session=self._session, action=wire.call_out(call))
        return said


def _about(told: wire.Object) -> wire.Object:
    sizes = told.get("tasks")
    if not told.get("name") or not isinstance(sizes, dict) or not all(_counts(sizes.get(s)) for s in SPLITS):
        raise ValueError("a suite has a name and numbers of tasks")
    if told.get("max_steps") and not _counts(told["max_steps"]):
        raise ValueError(f"max_steps={told['max_steps']!r:.100} is no whole number of steps")
    return told


def _counts(value: object) -> bool:
    return type(value) is int and value >= 0


def _tasks(suite: str, split: Split, count: int, told: wire.Object) -> list[Task]:
    tasks = told.get("tasks")
    if not isinstance(tasks, list) or len(tasks) != count or not all(isinstance(task, dict) for task in tasks):
        raise ValueError(f"these are not {count} tasks")
    made = [wire.task_in(task, suite) for task in tasks]
    foreign = next((task for task in made if task.split != split), None)
    if foreign is not None:
        raise ValueError(f"asked for {split} tasks, it gave {foreign.id!r} of {foreign.split}")
    ids = Counter(task.id for task in made)
    twice = next((id for id, often in ids.items() if often > 1), None)
    if twice is not None:
        raise ValueError(f"the task {twice!r} comes twice")
    return made


def _begun(told: wire.Object) -> tuple[str, tuple[Tool, ...], Feedback]:
    return str(told.get("session", "")), wire.tools_in(told), wire.feedback_in(told)


def _calls(told: wire.Object) -> list[ToolCall] | None:
    calls = told.get("calls")
    return None if calls is None else [wire.call_in(call) for call in calls]
