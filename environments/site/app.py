"""The three sites: from a request to the page that answers it."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from knowhow.environments.site import shop
from knowhow.environments.site.database import one
from knowhow.environments.site.http import NotFound, Page, Redirect, Request, Route, dispatch
from knowhow.environments.site.pages import shop as shop_pages
from knowhow.environments.site.pages import tracker as tracker_pages
from knowhow.environments.site.pages import wiki as wiki_pages
from knowhow.environments.site.refusal import Refused

SITES: Mapping[str, tuple[str, Sequence[Route]]] = {
    "shop.localhost": ("Shop", shop_pages.ROUTES),
    "issues.localhost": ("Issues", tracker_pages.ROUTES),
    "wiki.localhost": ("Wiki", wiki_pages.ROUTES),
}
"""By host: the name of a site, and its routes."""


@dataclass(frozen=True, slots=True)
class Reply:
    """``location`` is where to look instead, if anywhere."""

    status: int
    body: str = ""
    location: str = ""


def respond(db: sqlite3.Connection, request: Request, port: str = "") -> Reply:
    """Answer a request, which may change the database. ``port`` (":8000") stands in the links to the other sites."""
    if request.host not in SITES:
        return Reply(403, f"{request.host} is not here.")
    _, routes = SITES[request.host]
    try:
        answer = dispatch(routes, db, request)
    except NotFound:
        answer = Page("message.html", {"title": "There is no such page"}, 404)
    except Refused as reason:
        answer = Page("message.html", {"title": "That did not work", "alert": str(reason)}, 409)
    if isinstance(answer, Redirect):
        return Reply(303, location=answer.path)
    return Reply(answer.status, _rendered(db, request.host, answer, port))


def _rendered(db: sqlite3.Connection, host: str, page: Page, port: str) -> str:
    sites = {name: f"http://{there}{port}/" for there, (name, _) in SITES.items()}
    common = {"site": SITES[host][0], "sites": sites, "account": one(db, "SELECT * FROM account")}
    return _templates().get_template(page.template).render({"alert": "", **common, **page.values})


@functools.cache
def _templates() -> Environment:
    folder = Path(__file__).with_name("templates")
    made = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.filters["money"] = shop.money
    return made
