"""What every server here has in common: where it listens, whom it lets in, and how it reads what it is told."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import json
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from knowhow.environments.errors import BadSetting


async def run(app: ASGIApp, host: str, port: int, ready: Callable[[str], None], *, most_bytes: int) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is told the URL. ``port`` 0 takes a free one; ``most_bytes``: of one
    message of a WebSocket.

    Raises: BadSetting for an address that is not to be had.
    """
    with _listening(host, port) as listener:
        config = uvicorn.Config(app, log_level="error", ws_max_size=most_bytes, timeout_graceful_shutdown=3)
        ready(f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}")
        await uvicorn.Server(config).serve(sockets=[listener])


async def told(request: Request, most_bytes: int) -> dict[str, Any]:
    """The JSON object that a request carries. Raises: ValueError."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise ValueError(f"the request has over {most_bytes:,} bytes")
    made = json.loads(body or b"{}")
    if not isinstance(made, dict):
        raise ValueError(f"the request {made!r:.100} is no JSON object")
    return made


class Guard:
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
