"""The suite ``web``: tasks on any site, from a file."""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from inspect import isawaitable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from knowhow.environments import samples
from knowhow.environments.browser.episode import SCREENSHOTS, Verdict, View, Visit, browse
from knowhow.environments.discover import at_least, find, one_of
from knowhow.environments.errors import BadSetting, UnknownName
from knowhow.environments.gradings.exact import Exact
from knowhow.environments.question import Question
from knowhow.environments.shares import split_of
from knowhow.environments.site import database
from knowhow.environments.site.app import SITES
from knowhow.environments.site.server import serving
from knowhow.environments.site.worlds.world import world
from knowhow.environments.types import SPLITS, Environment, Split, Suite, Task, ToolCall
from knowhow.environments.web_tasks import WebTask, read_tasks

HOLDS = """(() => {
  try { return Boolean(%s) } catch (error) { if (error instanceof TypeError) return false; throw error }
})()"""
"""An expression about what is not on the page is not true."""


class Web(Suite):
    """Tasks on any site: a start page, a goal, and a checker.

    ``tasks`` is a ``.jsonl`` or ``.yaml`` file, in which a task has a ``start`` page, a ``goal``, and one or more of
    ``url`` (a pattern of the last page's address), ``text`` (that it shows), ``js`` (an expression that is true there),
    ``answer`` and ``judge`` (what a judge looks for); ``web_tasks.WebTask`` has the others. Without a file: a few tasks
    on the package's own site (the suite ``site`` has many more).

    ``hosts``: what may be reached, separated by commas, as ``example.org`` or with a port; by default the host of each
    task's start page alone. Everything else is refused. ``judge`` is ``package.module:name`` or ``file.py:name`` of
    what is called with the task, its ``View`` and the answer for rows with ``judge``, and returns the reward in [0, 1];
    it may be an ``async def``.

    ``screenshots``: when an observation has an image of the page too, for models that see: ``never``, ``asked`` (the
    agent has a tool for it) or ``always``.

    A task that asks for an answer or a judge is judged when the agent is ``done``; any other one is over as soon as it
    is solved. Pages are text that anybody may have written. A site that changes gives no two equal episodes.

    Raises: asked for tasks, BadSetting with the line for a file that does not fit.
    """

    name = "web"
    description = "Tasks on any site, from a file of start pages, goals and checkers; by default a few on our own."
    licence = "Apache-2.0 (the sample; sites have their own terms)"
    source = "the file's own; checkers after WebArena (arXiv 2307.13854)"
    extra = "web"
    outside = True

    def __init__(
        self,
        tasks: str = "",
        *,
        hosts: str = "",
        judge: str = "",
        screenshots: str = "never",
        max_steps: int = 30,
        name: str = "web",
    ) -> None:
        at_least(1, max_steps=max_steps)
        one_of(SCREENSHOTS, screenshots=screenshots)
        if judge and ":" not in judge:
            raise BadSetting(f"judge={judge!r} names no function; write it as in 'mine.py:judge'")
        self._file = tasks or str(Path(samples.__path__[0]) / "web.jsonl")
        self._hosts = tuple(host.strip() for host in hosts.split(",") if host.strip())
        self._judge = find("knowhow.environments.suites", judge) if judge else None
        self._screenshots = screenshots
        self.max_steps = max_steps
        self.name = name

    def tasks(self, split: Split) -> Sequence[Task]:
        return [Task(row.id, self.name, split, row.kind, row.goal) for row in self._rows[split].values()]

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        row = self._row(task)
        with ExitStack() as stack:
            hosts, proxy = self._hosts or (urlsplit(row.start).netloc,), ""
            if row.site is not None:
                db = stack.enter_context(closing(database.copy(world(row.site, True))))
                hosts, proxy = tuple(SITES), stack.enter_context(serving(db))
            visit = Visit(
                row.start,
                goal=row.goal,
                hosts=hosts,
                proxy=proxy,
                answers=row.waits_for_answer,
                screenshots=self._screenshots,
            )
            async with browse(visit, functools.partial(self._verdict, task, row)) as env:
                yield env

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        return self._row(task).calls or None

    async def _verdict(self, task: Task, row: WebTask, view: View, answer: str | None) -> Verdict:
        if answer is None and row.waits_for_answer:
            return Verdict()
        reward = await self._reward(task, row, view, answer or "")
        return Verdict(reward, over=answer is not None or reward > 0)

    async def _reward(self, task: Task, row: WebTask, view: View, answer: str) -> float:
        if not await _holds(row, view) or (row.answer and not Exact()(Question("", row.answer), answer)):
            return 0.0
        if not row.judge:
            return 1.0
        assert self._judge is not None
        said: Any = self._judge(task, row, view, answer)
        return float(await said if isawaitable(said) else said)

    def _row(self, task: Task) -> WebTask:
        if task.split not in SPLITS or task.id not in self._rows[task.split]:
            raise UnknownName(f"the suite {self.name} has no task {task.id!r}; take one from tasks({task.split!r})")
        return self._rows[task.split][task.id]

    @functools.cached_property
    def _rows(self) -> Mapping[Split, Mapping[str, WebTask]]:
        kept: dict[str, dict[str, WebTask]] = {split: {} for split in SPLITS}
        for row in read_tasks(self._file):
            if row.judge and self._judge is None:
                way_out = "name one, as in judge='mine.py:judge'"
                raise BadSetting(f"the task {row.id!r} of {self._file} needs a judge; {way_out}")
            kept[row.split or split_of(f"{row.start} {row.goal}")][row.id] = row
        return {split: kept[split] for split in SPLITS}


async def _holds(row: WebTask, view: View) -> bool:
    """What the row says of the page, all of it."""
    if row.url and not re.search(row.url, view.url):
        return False
    if row.text and " ".join(row.text.split()) not in " ".join((await view.text()).split()):
        return False
    return not row.js or bool(await view.evaluate(HOLDS % row.js))
