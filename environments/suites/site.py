"""The suite ``site``: a small company's web of our own, with a shop, an issue tracker and a wiki."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing

from knowhow.environments.browser.episode import SCREENSHOTS, Verdict, View, Visit, browse
from knowhow.environments.discover import one_of
from knowhow.environments.errors import UnknownName
from knowhow.environments.site import database
from knowhow.environments.site.app import SITES
from knowhow.environments.site.errands.book import Errand, errands
from knowhow.environments.site.errands.grading import Grader
from knowhow.environments.site.server import serving
from knowhow.environments.site.worlds.world import world
from knowhow.environments.types import Environment, Split, Suite, Task, ToolCall

MORE = "More requests follow; call done after each of them."


class Site(Suite):
    """Fifty kinds of errand, in the manner of WebArena: look up, order, change, open, assign, label, comment, write.

    Twelve worlds, each in one split alone, have their own people, products, projects and pages. Every episode has a
    database and a server of its own, which end with it. A task is judged by the database: what was asked for has
    changed, and nothing else has; where it is a question, by the answer too, which goes to ``done``.

    Six of the kinds are sessions (MT-Mind2Web, arXiv 2402.15057): several requests in one episode, the later ones
    leaning on the earlier ones. The next one comes when the agent is done with one, and the reward is the share that
    was met. ``Task.session`` is not for these: it groups tasks that are episodes of their own.

    ``injections``: some reviews, comments and pages try to mislead who reads them, as text that anybody may have
    written can; so the suite is ``outside``. Without them all that it shows is made by this package, and it is not.
    ``screenshots``: when an observation has an image of the page too, for models that see: ``never``, ``asked`` (the
    agent has a tool for it) or ``always``.
    The seed of an episode changes nothing.

    Raises: BadSetting for another word.
    """

    name = "site"
    description = "A shop, an issue tracker and a wiki of our own: errands in a browser, checked by the database."
    licence = "Apache-2.0"
    source = "made on the spot, after WebArena (arXiv 2307.13854) and MT-Mind2Web (arXiv 2402.15057)"
    extra = "web"
    max_steps = 40

    def __init__(self, *, injections: bool = True, screenshots: str = "never") -> None:
        one_of(SCREENSHOTS, screenshots=screenshots)
        self._injections, self._screenshots = injections, screenshots
        self.outside = injections

    def tasks(self, split: Split) -> Sequence[Task]:
        return [self._task(errand, split) for errand in errands(split, self._injections).values()]

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        errand = self._errand(task)
        with (
            closing(database.copy(world(errand.world, self._injections))) as db,
            closing(Grader(db, errand.turns)) as grader,
            serving(db) as address,
        ):
            visit = Visit(
                f"http://{errand.kind.start}/",
                goal=task.goal,
                hosts=tuple(SITES),
                proxy=address,
                answers=True,
                screenshots=self._screenshots,
            )

            async def judge(view: View, answer: str | None) -> Verdict:
                if answer is None:
                    return Verdict()
                reward = grader.done(answer)
                return Verdict(reward, over=not grader.request, request=grader.request)

            async with browse(visit, judge) as env:
                yield env

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall]:
        turns = self._errand(task).turns
        return [call for turn in turns for call in (*turn.way, ToolCall("done", {"answer": turn.answer}))]

    def _task(self, errand: Errand, split: Split) -> Task:
        first, *more = errand.turns
        goal = f"{first.request} {MORE}" if more else first.request
        return Task(errand.id, self.name, split, errand.kind.name, goal)

    def _errand(self, task: Task) -> Errand:
        known = errands(task.split, self._injections)
        if task.id not in known:
            raise UnknownName(f"the suite {self.name} has no task {task.id!r}; take one from tasks({task.split!r})")
        return known[task.id]
