"""The server of ``knowhow serve-suite``: a suite as JSON over HTTP, and over OpenEnv's WebSocket."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from knowhow.environments.errors import BadSetting
from knowhow.environments.remote.openenv_server import openenv_routes
from knowhow.environments.remote.requests import BODY, Requests, http_routes
from knowhow.environments.remote.sessions import Sessions
from knowhow.environments.types import Suite


@dataclass(frozen=True, slots=True)
class Serving:
    """How a suite is served.

    ``port`` 0 takes a free one. ``token``: what every request has to carry, empty for none. ``sessions``: the most
    episodes at a time; one that is left alone for ``idle_s`` seconds is ended. ``oracle``: may clients ask for it?
    """

    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""
    sessions: int = 64
    idle_s: float = 600.0
    oracle: bool = False


async def serve(suite: Suite, how: Serving, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is told the URL. Every open episode is closed at the end.

    Raises: BadSetting for an address that is not to be had.
    """
    with _listening(how.host, how.port) as listener:
        app = application(suite, how)
        config = uvicorn.Config(app, log_level="error", ws_max_size=BODY, timeout_graceful_shutdown=3)
        host = f"[{how.host}]" if ":" in how.host else how.host
        ready(f"http://{host}:{listener.getsockname()[1]}")
        await uvicorn.Server(config).serve(sockets=[listener])


def application(suite: Suite, how: Serving) -> Starlette:
    """The suite as an ASGI application."""
    sessions = Sessions(suite, most=how.sessions, idle_s=how.idle_s)
    requests = Requests(suite, sessions, oracle=how.oracle)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await sessions.close()

    routes = [*http_routes(requests), *openenv_routes(requests)]
    return Starlette(routes=routes, middleware=[Middleware(_Guard, token=how.token)], lifespan=lifespan)


class _Guard:
    """Refuses who does not know the token, and every web page: a browser tells where a request comes from."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = "" if scope["type"] == "lifespan" else self._refusal(HTTPConnection(scope))
        if not refusal:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        else:
            await JSONResponse({"error": refusal}, 403 if "pages" in refusal else 401)(scope, receive, send)

    def _refusal(self, request: HTTPConnection) -> str:
        if "origin" in request.headers:
            return "web pages are not served"
        if self._token and request.url.path != "/health" and not self._is_known(request):
            return "the token is missing or wrong; send it as in Authorization: Bearer TOKEN"
        return ""

    def _is_known(self, request: HTTPConnection) -> bool:
        scheme, _, told = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":  # http://any:TOKEN@host, for clients that send no headers of their own
            with contextlib.suppress(binascii.Error, UnicodeDecodeError):
                told = base64.b64decode(told).decode().rpartition(":")[2]
        return hmac.compare_digest(told.encode(), self._token.encode())


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise BadSetting(f"{host}:{port} cannot be listened on ({error}); choose another --host or --port") from None
