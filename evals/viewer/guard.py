"""Who may look, and what a page may do: this machine's browser, and nothing that a page's texts could ask for."""

from __future__ import annotations

import hmac

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{what} 'self'" for what in ("script-src", "style-src", "img-src", "connect-src", "form-action")),
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # With no-referrer a browser would hide the origin of a form from us as well.
    "referrer-policy": "same-origin",
    "cache-control": "no-cache",
}
NAMES = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """Refuses requests that were made for another host, as after DNS rebinding, or by another site's page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            await send(message)

        refusal = _refusal(HTTPConnection(scope), scope)
        app = PlainTextResponse(f"{refusal}\n", 403) if refusal else self._app
        await app(scope, receive, guarded)


def is_known(told: str, token: str) -> bool:
    """Whether a form carries the token of this server's own pages."""
    return hmac.compare_digest(told.encode(), token.encode())


def _refusal(request: HTTPConnection, scope: Scope) -> str:
    port = scope["server"][1]
    hosts = {f"{name}:{port}" for name in NAMES}
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if host not in hosts:
        return f"this page is for {NAMES[0]}:{port} alone"
    if origin is not None and origin != f"http://{host}":
        return "another site's page may not ask"
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        # A link from elsewhere may lead here, but nothing else may be fetched or sent from there.
        mode, method = request.headers.get("sec-fetch-mode"), scope["method"]
        return "" if mode == "navigate" and method == "GET" else "another site's page may not ask"
    if scope["method"] not in ("GET", "HEAD") and origin is None:
        return "a change has to come from this page"
    return ""
