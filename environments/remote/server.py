"""The server of ``knowhow serve-suite``: a suite as JSON over HTTP, and over OpenEnv's WebSocket."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware

from knowhow.environments.remote.http import Guard, run
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
    await run(application(suite, how), how.host, how.port, ready, most_bytes=BODY)


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
    return Starlette(routes=routes, middleware=[Middleware(Guard, token=how.token)], lifespan=lifespan)
