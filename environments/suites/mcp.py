"""The suite ``mcp``: tasks of one's own, done with the tools of any MCP server."""

from __future__ import annotations

import functools
import importlib.util
import re
import shlex
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any
from urllib.parse import urlsplit

from knowhow.environments.calls import tool
from knowhow.environments.discover import at_least, between, split_list, unknown
from knowhow.environments.episode import Episode
from knowhow.environments.errors import BadSetting, EngineFailed, MissingExtra, UnknownName
from knowhow.environments.mcp_tasks import Assigned, Outcome, read_tasks
from knowhow.environments.remote.mcp_session import McpServer, McpSession
from knowhow.environments.remote.openenv_actions import listed
from knowhow.environments.types import Environment, Feedback, Split, Suite, Task, Tool, ToolCall


class Mcp(Suite):
    """The tools of the server that ``command`` starts, or that is at ``url``, and one more, ``done(answer)``.

    ``tasks`` is a file of rows (``records.read_rows``): goal, kind and, if there are, the expected answer, the name of
    a check, and the split; a row without one falls to a split by its goal. An episode has a process of its own, or, at
    a ``url``, a session of its own, whose state is the server's affair.

    ``done`` ends the episode. What it earns, in [0, 1], says ``check='package.module:function'`` (or
    ``path/file.py:function``), called with the ``Outcome`` and the answer given; a row's ``check`` is another function
    of the same module. Without a check it is the ``grading``, as in the suite ``qa``, such as a judge.

    ``tools`` are the ones offered, separated by commas, by default all. ``env`` names the variables that the command
    gets beside PATH, HOME and the like; a token for a ``url`` goes into KNOWHOW_TOKEN. ``start`` is how many seconds a
    server may take to be ready, ``seconds`` how many a call: one that takes longer is given up, and the episode with it
    where the server answers nothing any more. ``done`` may get another name where the server has such a tool.

    Raises: MissingExtra; BadSetting for settings or rows that do not fit; in an episode, EngineFailed.
    """

    name = "mcp"
    description = "The tools of any MCP server, for tasks of your own: mcp(command='python server.py', tasks='FILE')."
    licence = "the server's own"
    source = "Model Context Protocol, https://modelcontextprotocol.io: the SDK mcp 2.3.0"
    extra = "mcp"
    outside = True

    def __init__(
        self,
        command: str = "",
        *,
        url: str = "",
        tasks: str = "",
        check: str = "",
        grading: str = "",
        tools: str = "",
        done: str = "done",
        env: str = "",
        name: str = "mcp",
        max_steps: int = 30,
        start: float = 60.0,
        seconds: float = 60.0,
    ) -> None:
        if bool(command) == bool(url) or not tasks:
            raise BadSetting("mcp needs a server and tasks: mcp(command='python server.py', tasks='tasks.jsonl')")
        at_least(1, max_steps=max_steps)
        between(0.1, 86_400, start=start, seconds=seconds)
        if importlib.util.find_spec("mcp") is None:
            raise MissingExtra("the suite mcp needs the package mcp; run: pip install 'knowhow-agents[mcp]'")
        self._server = McpServer(_words(command), _address(url), split_list(env), start, seconds)
        self._source, self._offered, self._done = tasks, split_list(tools), done
        self._checked = check, grading
        self.name, self.max_steps = name, max_steps

    def tasks(self, split: Split) -> Sequence[Task]:
        return [one.task for one in self._assigned.values() if one.task.split == split]

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        if task.id not in self._assigned:
            raise UnknownName(f"the suite {self.name} has no task {task.id!r}; take one from tasks({task.split!r})")
        async with self._server.session() as mine:
            tools = self._tools(await mine.tools())
            yield _Episode(mine, tools, self._done, self._assigned[task.id])

    @functools.cached_property
    def _assigned(self) -> Mapping[str, Assigned]:
        return read_tasks(self._source, self.name, *self._checked)

    def _tools(self, there: Sequence[Mapping[str, Any]]) -> Mapping[str, tuple[str, Tool]]:
        """By the name that an agent uses: the server's name, and the tool. Raises: EngineFailed, BadSetting."""
        names = [one["name"] for one in there]
        if missing := [name for name in self._offered if name not in names]:
            raise unknown("tool of the server", missing[0], names)
        found: dict[str, tuple[str, Tool]] = {}
        for name, one in zip(names, there, strict=True):
            plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64]
            if name in self._offered or not self._offered:
                if plain in found or plain == self._done:
                    raise BadSetting(
                        f"the server has one tool {name!r} too many; see the settings done=... and tools=..."
                    )
                found[plain] = name, listed([{**one, "name": plain}])[0]
        if not found:
            raise EngineFailed(f"the MCP server {self._server.label} has no tools")
        return found


class _Episode(Episode):
    def __init__(self, mine: McpSession, tools: Mapping[str, tuple[str, Tool]], done: str, assigned: Assigned) -> None:
        end = tool(done, "Say that the task is done, once and last.", answer="What was asked for; may be empty.")
        super().__init__(*(one for _, one in tools.values()), end)
        self._mine, self._names, self._done = mine, {name: theirs for name, (theirs, _) in tools.items()}, done
        self._assigned = assigned
        self._calls: list[tuple[ToolCall, str]] = []

    async def begin(self) -> Feedback:
        about = f"{self._mine.instructions}\n\n" if self._mine.instructions else ""
        return Feedback(f"{about}Your task: {self._assigned.task.goal}\nWhen it is done, call {self._done}.")

    async def answer(self, call: ToolCall) -> Feedback:
        if call.name == self._done:
            # How it went is told by the reward alone, so that an agent without labels cannot read it off.
            reward = await self._reward(call.arguments["answer"].strip())
            return Feedback("Your work is noted.", reward, terminated=True, commands=())
        theirs = ToolCall(self._names[call.name], call.arguments)
        said = await self._mine.call(theirs.name, theirs.arguments)
        self._calls.append((theirs, said))
        return Feedback(said)

    async def _reward(self, answer: str) -> float:
        task = self._assigned.task
        calls, ask = tuple(self._calls), self._mine.call
        said = self._assigned.check(Outcome(task.goal, self._assigned.answer, task.kind, (), calls, ask), answer)
        reward = await said if isawaitable(said) else said
        if not isinstance(reward, int | float) or not 0 <= reward <= 1:
            raise BadSetting(f"the check of {task.goal!r:.80} returned {reward!r:.80}, no reward from 0 to 1")
        return float(reward)


def _words(command: str) -> Sequence[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise BadSetting(f"command={command!r} cannot be read: {error}") from None
    if words and shutil.which(words[0]) is None:
        raise BadSetting(f"command={command!r}: there is no program {words[0]!r}")
    return words


def _address(url: str) -> str:
    place = urlsplit(url)
    if url and (place.scheme not in ("http", "https") or not place.hostname):
        raise BadSetting(f"url={url!r} is no URL of a server; write it as in 'http://127.0.0.1:8000/mcp'")
    return url
