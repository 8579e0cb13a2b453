"""The pages of the wiki."""

from __future__ import annotations

import sqlite3
from typing import Any

from knowhow.environments.site import wiki
from knowhow.environments.site.database import one, rows
from knowhow.environments.site.http import Answer, Page, Redirect, Request, Route


def main(db: sqlite3.Connection, request: Request) -> Answer:
    return page(db, request, wiki.MAIN)


def page(db: sqlite3.Connection, request: Request, title: str) -> Answer:
    title, text = _page(db, title)
    if not text:
        return Page("wiki/missing.html", {"title": title}, 404)
    return Page("wiki/page.html", {"title": title, "body": wiki.html(text)})


def edit(db: sqlite3.Connection, request: Request, title: str) -> Answer:
    title, text = _page(db, title)
    return Page("wiki/edit.html", {"title": title, "text": text})


def new(db: sqlite3.Connection, request: Request) -> Answer:
    return Page("wiki/new.html", {})


def save(db: sqlite3.Connection, request: Request, title: str) -> Answer:
    title, _ = _page(db, title)
    wiki.save(db, title, request.get("text"), request.get("summary"))
    return Redirect(wiki.path(title))


def save_new(db: sqlite3.Connection, request: Request) -> Answer:
    title = request.get("title")
    wiki.save(db, title, request.get("text"), request.get("summary"))
    return Redirect(wiki.path(title))


def history(db: sqlite3.Connection, request: Request, title: str) -> Answer:
    title, _ = _page(db, title)
    revisions = rows(db, "SELECT * FROM revision WHERE page = ? ORDER BY id DESC", title)
    return Page("wiki/history.html", {"title": title, "revisions": revisions})


def search(db: sqlite3.Connection, request: Request) -> Answer:
    words = request.get("q")
    hits = rows(
        db,
        "SELECT title FROM page WHERE instr(lower(title), lower(?)) OR instr(lower(text), lower(?)) ORDER BY title",
        *(words, words),
    )
    return Page("wiki/search.html", {"words": words, "titles": [row["title"] for row in hits]})


def _page(db: sqlite3.Connection, address: str) -> tuple[str, Any]:
    title = address.replace("_", " ")
    return title, one(db, "SELECT text FROM page WHERE title = ?", title) or ""


ROUTES = (
    Route("GET", "/", main),
    Route("GET", "/page/{title}", page),
    Route("GET", "/edit/{title}", edit),
    Route("POST", "/edit/{title}", save),
    Route("GET", "/new", new),
    Route("POST", "/new", save_new),
    Route("GET", "/history/{title}", history),
    Route("GET", "/search", search),
)
