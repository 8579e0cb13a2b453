"""The suite ``miniwob``: the small web pages of MiniWoB++, in a real browser."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from knowhow.environments.browser.chromium import thread
from knowhow.environments.browser.episode import SCREENSHOTS, browse
from knowhow.environments.discover import one_of, split_list, unknown
from knowhow.environments.errors import UnknownName
from knowhow.environments.miniwob import goals, pages
from knowhow.environments.miniwob.solving import solved, solver
from knowhow.environments.types import SPLITS, Environment, Split, Suite, Task, ToolCall
from knowhow.environments.worker import at_once


class Miniwob(Suite):
    """All 130 pages of MiniWoB++, a task for each seed of a page; the splits share no seed.

    ``tasks``: the pages to take, as names or patterns separated by commas (``'click-*, enter-text'``); all of them
    where it is empty. ``boxes``: shall the observation tell where each element is, in pixels?
    ``screenshots``: when an observation has an image of the page too, for models that see: ``never``, ``asked`` (the
    agent has a tool for it) or ``always``.

    All 130 pages start. Some look the same with every seed, as far as text tells (``click-test``); such a look is
    one task, of the first split that has it. Pages that are drawn (``bisect-angle``, ``count-shape``) hardly tell in
    text what they ask, and there is no tool that points without a click (``hover-shape``, ``click-menu``).

    The reward is the page's raw one, which does not fall with time: 1 for success, a part of it where the page gives
    that, 0 for a failure, for ``done`` and where the steps run out. A page's own limit of time is raised; its clock
    stands still but for a second after each action. The seed of an episode changes nothing.

    The text of the pages is the package's, and nobody else can write there: it is not ``outside``.

    Raises: UnknownName for a pattern that fits no page, BadSetting for another word; asked for tasks, MissingExtra.
    """

    name = "miniwob"
    description = "MiniWoB++: 130 small web pages to click, type, choose and drag on, in Chromium."
    licence = "MIT"
    source = "MiniWoB++ (arXiv 1802.08802), https://github.com/Farama-Foundation/miniwob-plusplus at 1.1.0"
    extra = "web"
    oracle_for = "some pages"
    max_steps = 30

    def __init__(self, tasks: str = "", *, boxes: bool = False, screenshots: str = "never") -> None:
        one_of(SCREENSHOTS, screenshots=screenshots)
        self._boxes, self._screenshots = boxes, screenshots
        self._kinds = _matching(split_list(tasks)) if tasks else goals.kinds()

    def tasks(self, split: Split) -> Sequence[Task]:
        pages.folder()
        thread()
        return self._listed[split]

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        kind, number = self._page(task)
        visit = replace(pages.visit(kind, number, task.goal), boxes=self._boxes, screenshots=self._screenshots)
        async with browse(visit, pages.judge) as env:
            yield env

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        """The calls of a scripted solver, which has a page of its own; None for pages that have none."""
        kind, number = self._page(task)
        solve = solver(kind)
        return None if solve is None else at_once(solved(solve, pages.visit(kind, number, task.goal)))

    @functools.cached_property
    def _listed(self) -> Mapping[Split, Sequence[Task]]:
        """One task of each page in turn, for as long as it has any."""
        return {
            split: [
                Task(f"{kind}-{number}", self.name, split, kind, goals.goal(kind, number))
                for kind, number in goals.in_turn(self._kinds, split)
            ]
            for split in SPLITS
        }

    def _page(self, task: Task) -> tuple[str, int]:
        kind, _, number = task.id.rpartition("-")
        if kind not in self._kinds or not number.isdecimal() or int(number) not in goals.seeds(kind, task.split):
            raise UnknownName(f"the suite {self.name} has no task {task.id!r}; take one from tasks({task.split!r})")
        return kind, int(number)


def _matching(patterns: Sequence[str]) -> Sequence[str]:
    for pattern in patterns:
        if not fnmatch.filter(goals.kinds(), pattern):
            raise unknown("page of MiniWoB++", pattern, goals.kinds())
    return [kind for kind in goals.kinds() if any(fnmatch.fnmatch(kind, pattern) for pattern in patterns)]
