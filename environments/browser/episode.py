"""An episode on a web page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from knowhow.environments.browser.chromium import thread
from knowhow.environments.browser.commands import commands, values_in
from knowhow.environments.browser.gate import Gate
from knowhow.environments.browser.snapshot import Snapshot
from knowhow.environments.browser.tab import Refused, Tab, gone
from knowhow.environments.browser.tools import SCREENSHOT, TOOLS
from knowhow.environments.episode import Episode
from knowhow.environments.errors import EngineFailed
from knowhow.environments.types import Feedback, ToolCall

T = TypeVar("T")

SCREENSHOTS = ("never", "asked", "always")
"""When an observation has an image of the page: where the agent asked for it by a tool of its own, or always."""

GONE = "the browser, or the page in it, is gone; open the episode again"
OPENING_S = 90.0
"""How long the first page may take, on a busy machine."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Where an episode begins, and what it may reach.

    ``url``: the first page. ``goal``: what fields may be filled with is read from it. ``hosts``, ``folder``,
    ``proxy``: what may be reached, and how (``gate.Gate``). ``begin``: a JavaScript expression that is evaluated when
    the first page has loaded.
    ``time``: where the pages' clock begins, ISO 8601; it goes on by a second after each action, and not otherwise.
    ``size``: of the window, in pixels. ``longest``: characters of an observation. ``boxes``: shall it tell where each
    element is? ``answers``: does the task end by a final answer, so that ``done`` is among the possible commands?
    ``seconds``: how long a step after that may take before the browser counts as stuck. ``screenshots``: when it is
    shown as an image, one of ``SCREENSHOTS``.
    """

    url: str
    goal: str = ""
    hosts: tuple[str, ...] = ()
    folder: Path | None = None
    proxy: str = ""
    begin: str = ""
    time: str = "2026-01-05T09:00:00Z"
    size: tuple[int, int] = (1000, 800)
    longest: int = 12_000
    boxes: bool = False
    answers: bool = False
    seconds: float = 90.0
    screenshots: str = "never"


class View:
    """The page of an episode, to be looked at by what judges it."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab

    @property
    def url(self) -> str:
        return self._tab.page.url

    async def text(self) -> str:
        """The text that can be seen."""
        return str(await self.evaluate("document.body.innerText"))

    async def evaluate(self, expression: str, argument: Any = None) -> Any:
        """What a JavaScript expression, or a function of ``argument``, gives on the page, as plain data."""
        return await _asked(self._tab, self._tab.page.evaluate(expression, argument), 30)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a step earned, and whether the task is over. ``request``: what is asked for next, where the agent was
    ``done`` with something and the task goes on."""

    reward: float = 0.0
    over: bool = False
    request: str = ""


Judge = Callable[[View, str | None], Awaitable[Verdict]]
"""Asked after every step with None, and with the answer when the agent is ``done``, which ends the episode, unless
there is another request."""


@asynccontextmanager
async def browse(visit: Visit, judge: Judge) -> AsyncIterator[Browsing]:
    """An episode on a fresh page. Raises: MissingExtra; EngineFailed where the browser dies or is stuck."""
    host, stack = thread(), AsyncExitStack()
    opening = Tab.open(Gate(visit.hosts, visit.folder, visit.proxy), time=visit.time, size=visit.size)
    try:
        opened = asyncio.wait_for(stack.enter_async_context(opening), OPENING_S)
        yield Browsing(visit, await _opened(host.run(opened)), judge)
    finally:
        # The context is closed also where this task is cancelled meanwhile, or its event loop ends.
        await asyncio.shield(asyncio.wrap_future(host.submit(stack.aclose())))


async def _opened(opening: Awaitable[Tab]) -> Tab:
    try:
        return await opening
    except TimeoutError:
        raise EngineFailed(f"the browser opened no page in {OPENING_S:g} s; open the episode again") from None
    except Exception as error:
        if gone(error):
            raise EngineFailed(GONE) from None
        raise


class Browsing(Episode):
    """One episode. ``view`` is the page as a judge sees it, ``snapshot`` what was last seen of it."""

    def __init__(self, visit: Visit, tab: Tab, judge: Judge) -> None:
        super().__init__(*TOOLS, *[SCREENSHOT] * (visit.screenshots == "asked"))
        self._visit, self._tab, self._judge = visit, tab, judge
        self.view = View(tab)
        self._values = values_in(visit.goal)

    @property
    def snapshot(self) -> Snapshot:
        return self._tab.snapshot

    async def begin(self) -> Feedback:
        return await _asked(self._tab, self._begin(), OPENING_S)

    async def answer(self, call: ToolCall) -> Feedback:
        if call.name == "done":
            verdict = await self._judge(self.view, call.arguments["answer"])
            return await self._noted(verdict)
        if call.name == "screenshot":
            return await _asked(self._tab, self._look(shown=True), self._visit.seconds)
        refusal = await _asked(self._tab, self._act(call), self._visit.seconds)
        verdict = await self._judge(self.view, None)
        if verdict.over:
            return Feedback("The task is over.", verdict.reward, terminated=True, commands=())
        seen = await _asked(self._tab, self._look(refusal), self._visit.seconds)
        return replace(seen, reward=verdict.reward)

    async def _noted(self, verdict: Verdict) -> Feedback:
        if not verdict.request:
            return Feedback("Your answer is noted.", verdict.reward, terminated=True, commands=())
        self._values = values_in(verdict.request)
        told = f"Your answer is noted. The next request: {verdict.request}"
        seen = await _asked(self._tab, self._look(told), self._visit.seconds)
        return replace(seen, reward=verdict.reward)

    async def _begin(self) -> Feedback:
        await self._tab.goto(self._visit.url)
        if self._visit.begin:
            await self._tab.page.evaluate(self._visit.begin)
            await self._tab.settle()
        return await self._look()

    async def _act(self, call: ToolCall) -> str:
        """What to say of an action that did not come about."""
        why = ""
        try:
            await self._tab.act(call.name, call.arguments)
        except Refused as refused:
            why = refused.why
        await self._tab.settle()
        return why

    async def _look(self, refusal: str = "", *, shown: bool = False) -> Feedback:
        seen = await self._tab.look(boxes=self._visit.boxes)
        said = [refusal, *self._tab.notes(), heading(self._tab.page.url, seen.title)]
        text = "\n".join([*filter(None, said), shortened(seen.snapshot.text, self._visit.longest)])
        possible = commands(seen, self._values, answers=self._visit.answers)
        images = (await self._tab.screenshot(),) if shown or self._visit.screenshots == "always" else ()
        return Feedback(text, commands=possible, images=images)


async def _asked(tab: Tab, work: Coroutine[Any, Any, T], seconds: float) -> T:
    """What ``work`` comes to in the browsers' thread. Raises: EngineFailed where the page is gone or stuck."""
    try:
        return await thread().run(asyncio.wait_for(work, seconds))
    except TimeoutError:
        raise EngineFailed(f"the page gave no answer for {seconds:g} s; open the episode again") from None
    except Exception as error:
        if tab.lost(error):
            raise EngineFailed(GONE) from None
        raise


def heading(url: str, title: str) -> str:
    """Which page this is, where it is one of several: nothing of a file's place, nor of a server on this machine."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return ""
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    where = urlunsplit(("", "", parts.path or "/", parts.query, parts.fragment)) if local else url
    return f"Page: {title} ({where})" if title else f"Page: {where}"


def shortened(text: str, longest: int) -> str:
    """The first lines, as many as fit, and how many are left out."""
    if len(text) <= longest:
        return text or "(The page is empty.)"
    kept = text[:longest].rpartition("\n")[0] or text[:longest]
    return f"{kept}\n({text[len(kept) :].strip().count(chr(10)) + 1} more lines of this page are not shown.)"
