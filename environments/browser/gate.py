"""What a page may reach: an allow-list of hosts, and one folder of files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Route, WebSocketRoute

HARMLESS = ("data", "blob", "about")
"""Schemes that reach nothing."""
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Gate:
    """``hosts`` are names or addresses, with a port (``127.0.0.1:8000``) or for all ports (``example.org``);
    ``folder`` is where pages may be read from files, None for nowhere. ``proxy`` is the address of an HTTP proxy, if
    the hosts are reached through one."""

    hosts: tuple[str, ...] = ()
    folder: Path | None = None
    proxy: str = ""

    @property
    def names(self) -> frozenset[str]:
        """The hosts without their ports, and the proxy."""
        hosts = (*(f"//{host}" for host in self.hosts), *([self.proxy] if self.proxy else []))
        return frozenset(urlsplit(host).hostname or "" for host in hosts)

    def admits(self, url: str) -> bool:
        parts = urlsplit(url)
        if parts.scheme in HARMLESS:
            return True
        if parts.scheme == "file":
            path = Path(unquote(parts.path)).resolve()
            return self.folder is not None and not parts.netloc and path.is_relative_to(self.folder.resolve())
        port = parts.port or _PORTS.get(parts.scheme, 0)
        known = {parts.hostname, f"{parts.hostname}:{port}"}
        return parts.scheme in _PORTS and not known.isdisjoint(self.hosts)

    async def guard(self, context: BrowserContext, refused: Callable[[str], None]) -> None:
        """Refuse everything else in ``context``; ``refused`` is told each URL."""

        async def request(route: Route) -> None:
            if self.admits(route.request.url):
                await route.continue_()
            else:
                refused(route.request.url)
                await route.abort("aborted")  # a navigation leaves the page as it is

        async def socket(route: WebSocketRoute) -> None:
            if self.admits(route.url):
                route.connect_to_server()
            else:
                refused(route.url)
                await route.close(code=1008, reason="refused")

        await context.route("**/*", request)
        await context.route_web_socket("**/*", socket)
