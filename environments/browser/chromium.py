"""The browsers of this process: shared, started when they are needed, closed when they are not.

They run under an event loop in a thread of its own, so that episodes of any event loop, and code that has none, use the
same ones. They end with this process, however that comes about: Playwright's driver ends when this process is gone, and
takes its browsers with it.
"""

from __future__ import annotations

import asyncio
import atexit
import importlib.util
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from knowhow.environments.browser.executable import executable
from knowhow.environments.browser.thread import LoopThread
from knowhow.environments.errors import EngineFailed, MissingExtra

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Playwright

FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)
MOST_OPEN = 16
"""Contexts that are open at a time in one browser; further episodes wait for their turn."""
IDLE_S = 20.0
"""How long a browser without an episode waits for the next one."""


class Chromium:
    """One running browser, how many episodes it has, and when it is closed where it has none."""

    def __init__(self, playwright: Playwright, browser: Browser) -> None:
        self._playwright = playwright
        self.browser = browser
        self.users = 0
        self.turns = asyncio.Semaphore(MOST_OPEN)
        self.idle: asyncio.TimerHandle | None = None

    @classmethod
    async def launch(cls, hosts: frozenset[str]) -> Chromium:
        """A browser that finds no host but these. Raises: MissingExtra, BadSetting; EngineFailed where it fails."""
        from playwright.async_api import Error, async_playwright

        playwright = await async_playwright().start()
        try:
            browser = await playwright.chromium.launch(
                executable_path=executable(playwright.chromium.executable_path),
                args=[*FLAGS, f"--host-resolver-rules={_rules(hosts)}"],
                chromium_sandbox=os.name == "posix" and os.geteuid() != 0,
                handle_sigint=False,
            )
        except BaseException as error:
            await playwright.stop()
            if isinstance(error, Error):
                raise EngineFailed(f"the browser does not start: {error.message.splitlines()[0]}") from None
            raise
        return cls(playwright, browser)

    async def answers(self) -> bool:
        """Is it there? Where its driver was killed, only a question tells."""
        try:
            await (await asyncio.wait_for(self.browser.new_browser_cdp_session(), 10)).detach()
        except Exception:
            return False
        return True

    async def close(self) -> None:
        with suppress(Exception):  # it may be gone already
            await asyncio.wait_for(self.browser.close(), 10)
        with suppress(Exception):
            await asyncio.wait_for(self._playwright.stop(), 10)


class Chromiums:
    """The browsers by the hosts that they find. All of it runs in one event loop."""

    def __init__(self) -> None:
        self._running: dict[frozenset[str], Chromium] = {}
        self._launching: dict[frozenset[str], asyncio.Lock] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def context(self, hosts: frozenset[str], **options: Any) -> AsyncIterator[BrowserContext]:
        """A fresh context in a browser that finds these hosts only, closed at the end of the block."""
        async with self._turn(hosts) as chromium:
            context = await chromium.browser.new_context(**options)
            try:
                yield context
            finally:
                with suppress(Exception):  # a browser that is gone has closed it
                    await asyncio.wait_for(context.close(), 10)

    async def close(self) -> None:
        running, self._running = list(self._running.values()), {}
        self._launching = {}  # a lock belongs to the event loop in which it was waited for, and the next is another
        await asyncio.gather(*(chromium.close() for chromium in running))

    @asynccontextmanager
    async def _turn(self, hosts: frozenset[str]) -> AsyncIterator[Chromium]:
        chromium = await self._take(hosts)
        try:
            async with chromium.turns:
                yield chromium
        finally:
            chromium.users -= 1
            if chromium.users == 0:
                chromium.idle = asyncio.get_running_loop().call_later(IDLE_S, self._retire, hosts, chromium)

    async def _take(self, hosts: frozenset[str]) -> Chromium:
        async with self._launching.setdefault(hosts, asyncio.Lock()):
            chromium = self._running.get(hosts)
            if chromium is None or not await chromium.answers():
                chromium = self._running[hosts] = await Chromium.launch(hosts)
            chromium.users += 1
            if chromium.idle is not None:
                chromium.idle.cancel()
            return chromium

    def _retire(self, hosts: frozenset[str], chromium: Chromium) -> None:
        if self._running.get(hosts) is chromium:
            del self._running[hosts]
        closing = asyncio.create_task(chromium.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


@cache
def thread() -> LoopThread:
    """Where the browsers of this process run. Raises: MissingExtra."""
    if importlib.util.find_spec("playwright") is None:
        raise MissingExtra("web pages need Playwright; run: pip install 'knowhow-agents[web]'")
    atexit.register(close_browsers)
    return LoopThread("browsers")


@cache
def chromiums() -> Chromiums:
    """The browsers of this process; use them in ``thread()``."""
    return Chromiums()


def close_browsers() -> None:
    """Close every browser of this process now; the next episode starts another one."""
    thread().stop(chromiums().close(), 10)


def _rules(hosts: frozenset[str]) -> str:
    return ", ".join(["MAP * ~NOTFOUND", *(f"EXCLUDE {host}" for host in sorted(hosts))])
