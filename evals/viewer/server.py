"""The server of ``knowhow view``: on the loopback interface, for browsers of this machine."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from knowhow.environments.remote.http import run
from knowhow.evals.viewer.folders import Folders, check
from knowhow.evals.viewer.guard import Guard
from knowhow.evals.viewer.pages import episodes, memory, review, runs
from knowhow.evals.viewer.site import FORM_BYTES, Handler, Page, Site, endpoint, render

HOST = "127.0.0.1"
STATIC = (("knowhow.evals.viewer", "static"), ("knowhow.evals.reporting", ""))
"""Packages, and the folders in them."""
SHARED = (".css", ".js", ".md", ".svg")

PAGES: dict[str, Handler] = {
    "/": runs.runs,
    "/compare": runs.compare,
    "/runs/{run}": runs.run,
    "/runs/{run}/episodes": episodes.episodes,
    "/runs/{run}/episodes/{episode:path}/images/{image}": episodes.screenshot,
    "/runs/{run}/episodes/{episode:path}": episodes.episode,
    "/runs/{run}/memory": memory.memory,
    "/runs/{run}/memory/history": memory.history,
    "/runs/{run}/memory/diff": memory.diff,
    "/runs/{run}/memory/items/{item:path}": memory.item,
    "/runs/{run}/review": review.review,
}


async def serve(paths: Sequence[Path], port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is told the URL. Raises: KnowhowError for what cannot be shown."""
    check(paths)
    await run(application(paths), HOST, port, ready, most_bytes=FORM_BYTES)


def application(paths: Sequence[Path]) -> Starlette:
    """The pages about the runs under ``paths``, as an ASGI application."""
    site = Site(Folders(paths))

    async def missing(request: Request, error: Exception) -> HTMLResponse:
        return render(site, Page("error.html", {"message": f"there is no page {request.url.path}"}, status=404))

    async def failed(request: Request, error: Exception) -> HTMLResponse:
        message = f"the viewer failed at it ({type(error).__name__}: {error}), which is a fault of its own"
        return render(site, Page("error.html", {"message": message}, status=500))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            site.folders.close()

    routes = [
        Route("/static/{name:path}", static),
        *(Route(path, endpoint(site, handler)) for path, handler in PAGES.items()),
        Route("/runs/{run}/review", endpoint(site, review.decide), methods=["POST"]),
    ]
    guard, errors = [Middleware(Guard)], {404: missing, 500: failed}
    return Starlette(routes=routes, middleware=guard, exception_handlers=errors, lifespan=lifespan)


async def static(request: Request) -> Response:
    """Styles, scripts and their licences, from the package."""
    name = request.path_params["name"]
    found = (files(package).joinpath(folder, name) for package, folder in STATIC)
    plain = Path(name).suffix in SHARED and ".." not in name and not name.startswith("/")
    file = next((file for file in found if plain and file.is_file()), None)
    if file is None:
        return PlainTextResponse("there is no such file\n", 404)
    kind = mimetypes.types_map.get(Path(name).suffix, "text/plain")
    return Response(file.read_bytes(), media_type=kind)
