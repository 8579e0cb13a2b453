"""What a page is still loading.

Playwright tells of a request when it has asked its own gate about it, on a busy machine long after the page began it.
So a session of the page's own tells what has begun: an answer by it comes after all that began before. Documents are
left to Playwright, as a page may change its process with one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, Page, Request

ENDLESS = ("eventsource", "websocket", "ping", "media")
"""Requests that are not waited for."""


class Loading:
    """The requests of a page that have begun and not ended."""

    def __init__(self, page: Page, session: CDPSession) -> None:
        self._session = session
        self._open: set[Any] = set()
        self._none = asyncio.Event()
        self._none.set()
        page.on("request", self._asked)
        page.on("requestfinished", self._ended)
        page.on("requestfailed", self._ended)
        session.on("Network.requestWillBeSent", self._began)
        session.on("Network.loadingFinished", lambda told: self._ended(told["requestId"]))
        session.on("Network.loadingFailed", lambda told: self._ended(told["requestId"]))
        session.on("Page.frameNavigated", self._navigated)

    async def listen(self) -> None:
        await self._session.send("Network.enable")
        await self._session.send("Page.enable")

    async def pulse(self) -> None:
        """Get an answer from the page: what it had begun has been told then, pictures of its style among it."""
        await self._session.send("Runtime.evaluate", {"expression": "document.documentElement.offsetHeight"})

    def __bool__(self) -> bool:
        return bool(self._open)

    async def ended(self) -> None:
        await self._none.wait()

    def _asked(self, request: Request) -> None:
        if request.resource_type not in ENDLESS:
            self._add(request)

    def _began(self, told: Mapping[str, Any]) -> None:
        if str(told.get("type", "")).lower() not in (*ENDLESS, "document"):
            self._add(told["requestId"])

    def _navigated(self, told: Mapping[str, Any]) -> None:
        """What the document before this one had begun may not be told of any more."""
        if "parentId" not in told["frame"]:
            for request in [one for one in self._open if isinstance(one, str)]:
                self._ended(request)

    def _add(self, request: Any) -> None:
        self._open.add(request)
        self._none.clear()

    def _ended(self, request: Any) -> None:
        self._open.discard(request)
        if not self._open:
            self._none.set()
