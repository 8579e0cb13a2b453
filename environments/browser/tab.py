"""One page in one context, acted on and looked at. All of it runs in the event loop of the browsers."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from knowhow.environments.browser.chromium import chromiums
from knowhow.environments.browser.gate import Gate
from knowhow.environments.browser.loading import Loading
from knowhow.environments.browser.scripts import AT_START, MARK, SCROLLS, UNREACHABLE
from knowhow.environments.browser.snapshot import Snapshot
from knowhow.environments.errors import BadSetting, EngineFailed

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, CDPSession, Dialog, Download, Locator, Page

T = TypeVar("T")

ACTION_MS = 30_000
"""How long one action may take, on a busy machine. What cannot be reached is told before (``UNREACHABLE``)."""
LOADING_S = 20.0
"""How long a page's requests are waited for after an action."""
QUIET_MS = 1000
"""How far the page's clock goes on after every action: its timers and animations run, and nothing else takes time."""
ROUNDS = 5
"""How often that is done again where it made the page load more."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen: the page, its title, the directions in which it can be scrolled, and whether one can go back."""

    snapshot: Snapshot
    title: str = ""
    scrolls: tuple[str, ...] = ()
    back: bool = False


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """An action that did not come about; ``why`` is for the model to read."""

    why: str


def gone(error: Exception) -> bool:
    """Does it say that the browser is no longer there?"""
    return type(error).__name__ == "TargetClosedError" or "Connection closed" in str(error)


async def _unless_gone(browser: Browser | None, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns. Playwright never answers some requests where the browser dies meanwhile.

    Raises: EngineFailed where the browser is gone.
    """
    assert browser is not None
    died = asyncio.Event()
    browser.once("disconnected", lambda _: died.set())
    working, dying = asyncio.ensure_future(work), asyncio.ensure_future(died.wait())
    try:
        await asyncio.wait((working, dying), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise EngineFailed("the browser is gone; open the episode again")
        return working.result()
    finally:
        working.cancel()
        dying.cancel()


class Tab:
    """A page and what happened to it since it was last looked at."""

    def __init__(self, context: BrowserContext, page: Page, session: CDPSession, gate: Gate) -> None:
        self.page = page
        self._gate = gate
        self.snapshot = Snapshot()
        self._context = context
        self._session = session
        self._loading = Loading(page, session)
        self._notes: list[str] = []
        self._crashed = False
        self._first = 0
        page.on("dialog", self._dialog)
        page.on("download", self._download)
        page.on("crash", self._crash)
        context.on("page", self._popup)

    @classmethod
    @asynccontextmanager
    async def open(cls, gate: Gate, *, time: str, size: tuple[int, int]) -> AsyncIterator[Tab]:
        """An empty tab in a context of its own, whose clock stands at ``time`` (ISO 8601)."""
        options: dict[str, Any] = {
            "viewport": {"width": size[0], "height": size[1]},
            "locale": "en-US",
            "timezone_id": "UTC",
            "reduced_motion": "reduce",
            "service_workers": "block",
            "accept_downloads": False,
            "proxy": {"server": gate.proxy} if gate.proxy else None,
        }
        async with chromiums().context(gate.names, **options) as context:
            context.set_default_timeout(ACTION_MS)
            await context.clock.install(time=time)
            await context.clock.pause_at(time)
            await context.add_init_script(AT_START)
            page = await _unless_gone(context.browser, context.new_page())
            tab = cls(context, page, await context.new_cdp_session(page), gate)
            await gate.guard(context, tab._refused)
            await tab._loading.listen()
            yield tab

    async def goto(self, url: str) -> None:
        """Open a start page. Raises: BadSetting where it cannot be, EngineFailed where it takes too long."""
        from playwright.async_api import Error, TimeoutError

        try:
            await self.page.goto(url, timeout=60_000)
        except TimeoutError:
            raise EngineFailed(f"the page {url} did not load in 60 s; open the episode again") from None
        except Error as error:
            if self.lost(error):
                raise
            reason = error.message.splitlines()[0].removeprefix("Page.goto: ")
            raise BadSetting(f"the page {url} cannot be opened: {reason}") from None
        self._first = await self._place()
        await self.settle()

    def lost(self, error: Exception) -> bool:
        """Is the page gone, so that the episode cannot go on?"""
        browser = self._context.browser
        return gone(error) or self._crashed or self.page.is_closed() or browser is None or not browser.is_connected()

    async def settle(self) -> None:
        """Wait until what was begun is through: requests, then timers, for as long as they bring on more requests."""
        for _ in range(ROUNDS):
            await self._loaded()
            await self._context.clock.run_for(QUIET_MS)
            await self._pulse()  # what the timers began has been reported when this is answered
            if not self._loading and not await self._left():
                return

    async def look(self, *, boxes: bool = False) -> Look:
        """What is on the page now; nothing where it never finishes loading."""
        from playwright.async_api import TimeoutError

        await self.page.evaluate(MARK)
        try:
            self.snapshot = Snapshot.read(await self.page.aria_snapshot(mode="ai", boxes=boxes))
        except TimeoutError:
            self._notes.append("The page cannot be read: it is still loading.")
            self.snapshot = Snapshot()
        up, down = await self.page.evaluate(SCROLLS)
        return Look(
            self.snapshot,
            await self.page.title(),
            tuple(["up"] * up + ["down"] * down),
            await self._place() > self._first,
        )

    async def screenshot(self) -> str:
        """What can be seen now, as a ``data:`` URL of a PNG."""
        png = await self.page.screenshot(animations="disabled", caret="hide")
        return f"data:image/png;base64,{base64.b64encode(png).decode()}"

    def notes(self) -> list[str]:
        """What happened besides, since this was last asked."""
        notes, self._notes = self._notes, []
        return list(dict.fromkeys(notes))

    async def act(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Carry out a call. Raises: Refused where it does not come about."""
        from playwright.async_api import Error, TimeoutError

        action: Callable[..., Awaitable[None]] = getattr(self, f"_do_{name}")
        try:
            await action(**arguments)
        except TimeoutError:
            raise Refused("Nothing happens: the element cannot be reached.") from None
        except Error as error:
            if self.lost(error):
                raise
            raise Refused(f"Nothing happens: {_reason(error)}") from None

    async def _do_click(self, element: str, x: int | None = None, y: int | None = None) -> None:
        spot: Any = None if x is None or y is None else {"x": x, "y": y}
        await (await self._reached(element, "" if spot else "click")).click(position=spot)

    async def _do_fill(self, element: str, text: str) -> None:
        await (await self._reached(element)).fill(text)

    async def _do_select(self, element: str, option: str) -> None:
        field = await self._reached(element)
        offered = await field.evaluate("e => e.options ? [...e.options].map(o => o.label.trim()) : null")
        if offered is None:
            raise Refused(f"Nothing happens: {element} is no list of options; click what it shows.")
        if option.strip() not in offered:
            raise Refused(f"Nothing happens: {element} has no option {option!r}. It has: {', '.join(offered)}.")
        chosen = await field.evaluate("e => e.multiple ? [...e.selectedOptions].map(o => o.index) : []")
        await field.select_option(index=[*chosen, offered.index(option.strip())])

    async def _do_press(self, key: str) -> None:
        await self.page.keyboard.press(key)

    async def _do_drag(self, element: str, to: str = "", dx: int = 0, dy: int = 0) -> None:
        start = await _middle(self._element(element))
        end = await _middle(self._element(to)) if to else (start[0] + dx, start[1] + dy)
        mouse = self.page.mouse
        await mouse.move(*start)
        await mouse.down()
        await mouse.move(*end, steps=8)
        await mouse.up()

    async def _do_scroll(self, direction: str, element: str = "") -> None:
        ways = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
        if direction not in ways:
            raise Refused(f"Nothing happens: the direction {direction!r} is none of {', '.join(ways)}.")
        what = self._element(element) if element else self.page.locator("html")
        await what.evaluate(
            "(e, [x, y]) => { const by = [x * 0.8 * e.clientWidth, y * 0.8 * e.clientHeight];"
            " e === document.documentElement ? window.scrollBy(...by) : e.scrollBy(...by) }",
            list(ways[direction]),
        )

    async def _do_back(self) -> None:
        if await self._place() <= self._first:
            raise Refused("Nothing happens: there is no page before this one.")
        await self.page.go_back()

    def _element(self, element: str) -> Locator:
        ref = self.snapshot.ref(element)
        if not ref:
            raise Refused(f"Nothing happens: there is no element {element!r} on the page as it is now.")
        return self.page.locator(f"aria-ref={ref}")

    async def _reached(self, element: str, acted: str = "") -> Locator:
        locator = self._element(element)
        why = await locator.evaluate(UNREACHABLE, acted)
        if why:
            raise Refused(f"Nothing happens: {element} cannot be used, {why}.")
        return locator

    async def _place(self) -> int:
        """Where in its history the tab is."""
        return int((await self._session.send("Page.getNavigationHistory"))["currentIndex"])

    async def _loaded(self) -> None:
        try:
            async with asyncio.timeout(LOADING_S):
                await self._pulse()
                await self._loading.ended()
        except TimeoutError:
            self._notes.append("The page is still loading.")

    async def _left(self) -> bool:
        """Is this a page out of bounds, where a redirect led, or none at all? Then go back from it."""
        url = self.page.url
        if self._gate.admits(url) or await self._place() <= self._first:
            return False
        if url.startswith("chrome-error:"):
            self._notes.append("That page cannot be opened.")
        else:
            self._refused(url)
        await self.page.go_back()
        return True

    async def _pulse(self) -> None:
        """Get an answer from the page, of the next one where it just changes."""
        from playwright.async_api import Error

        for left in reversed(range(ROUNDS)):
            try:
                await self._loading.pulse()
                return
            except Error as error:
                if self.lost(error) or not left:
                    raise
                await self.page.wait_for_load_state()

    def _refused(self, url: str) -> None:
        parts = urlsplit(url)
        where = parts.netloc or f"{parts.scheme}: addresses"
        self._notes.append(f"The page asked for {where}, which is out of bounds here; it was refused.")

    async def _dialog(self, dialog: Dialog) -> None:
        self._notes.append(
            f"The page said, in a dialog of the kind {dialog.type}: {dialog.message!r}. It was accepted."
        )
        await dialog.accept(dialog.default_value)

    async def _download(self, download: Download) -> None:
        self._notes.append(f"A download of {download.suggested_filename!r} was refused.")
        await download.cancel()

    async def _popup(self, page: Page) -> None:
        if page is not self.page:
            self._notes.append("The page opened another window, which was closed.")
            await page.close()

    def _crash(self, page: Page) -> None:
        self._crashed = True


async def _middle(locator: Locator) -> tuple[float, float]:
    await locator.scroll_into_view_if_needed()
    box = await locator.bounding_box()
    if box is None:
        raise Refused("Nothing happens: the element cannot be seen.")
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0].partition(": ")[2].removeprefix("Error: ").rstrip(".") + "."
