"""What the pages share: the folders, the templates, and how an answer becomes a page."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from jinja2 import Environment
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from knowhow.environments.errors import BadSetting, Conflict, KnowhowError, UnknownName
from knowhow.evals.reporting.templates import environment
from knowhow.evals.viewer.folders import Folder, Folders
from knowhow.evals.viewer.items import told
from knowhow.memory.types import Status

PACKAGE = "knowhow.evals.viewer"
FORM_BYTES = 1 << 20
"""Of a form at most."""


@dataclass(frozen=True)
class Site:
    """What is looked at. ``token``: what every form of its pages carries."""

    folders: Folders
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))


@dataclass(frozen=True, slots=True)
class Page:
    """A template and what it shows. ``folder``: the run that it is about; ``section`` which of its pages."""

    template: str
    values: Mapping[str, Any]
    folder: Folder | None = None
    section: str = ""
    status: int = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: what the address names, what its query asks for, and the form that came with it."""

    names: Mapping[str, str]
    query: Mapping[str, str]
    runs: list[str] = field(default_factory=list)
    form: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.query.get(name, "").strip()

    def number(self, name: str, default: int) -> int:
        text = self.get(name)
        return int(text) if text.isdecimal() and len(text) < 10 else default


Handler = Callable[[Site, Asked], Page | Response]


def endpoint(site: Site, handler: Handler) -> Callable[[Request], Any]:
    """A handler as Starlette takes it: it runs in a thread, and what it raises becomes a page of one line."""

    async def answer(request: Request) -> Response:
        form = await _form(request) if request.method == "POST" else {}
        runs = request.query_params.getlist("run")
        asked = Asked(request.path_params, dict(request.query_params), runs, form)
        return await run_in_threadpool(_answer, site, handler, asked)

    return answer


def link(*parts: str, **query: object) -> str:
    """The address of a page; empty parts of a query are left out."""
    asked = urlencode({name: value for name, value in query.items() if value not in ("", None)})
    return "/" + "/".join(quote(part, safe="") for part in parts) + (f"?{asked}" if asked else "")


def render(site: Site, page: Page) -> HTMLResponse:
    folder = page.folder
    common: dict[str, Any] = {"folder": folder, "section": page.section, "token": site.token}
    if folder is not None:
        common |= {"state": folder.state, "pending": _pending(folder)}
    return HTMLResponse(_templates().get_template(page.template).render({**common, **page.values}), page.status)


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; none of one that is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            return {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _answer(site: Site, handler: Handler, asked: Asked) -> Response:
    try:
        page = handler(site, asked)
        return page if isinstance(page, Response) else render(site, page)
    except KnowhowError as error:
        return render(site, Page("error.html", {"message": str(error)}, status=_status(error)))
    except OSError as error:
        return render(site, Page("error.html", {"message": f"the folder cannot be read: {error}"}, status=500))


def _status(error: KnowhowError) -> int:
    if isinstance(error, UnknownName):
        return 404
    return 409 if isinstance(error, Conflict) else 400 if isinstance(error, BadSetting) else 500


def _pending(folder: Folder) -> int | None:
    """How much waits for a person; None where that cannot be told, or there is no memory of its own to decide on."""
    if folder.memory != folder.path:
        return None
    try:
        return sum(item.status is Status.PENDING for item in folder.journal.state()[1].values())
    except KnowhowError:
        return None


@cache
def _templates() -> Environment:
    made = environment(files(PACKAGE).joinpath("templates"))
    made.globals |= {"link": link, "told": told}
    return made


def redirect(address: str) -> Response:
    """To be looked at instead, after a form was taken."""
    return RedirectResponse(address, 303)
