"""The pages of the issue tracker."""

from __future__ import annotations

import sqlite3
from typing import Any

from knowhow.environments.site import tracker
from knowhow.environments.site.database import one, rows
from knowhow.environments.site.http import Answer, Page, Redirect, Request, Route, found

SORTS = {"Newest": "day DESC", "Oldest": "day", "Number": "number"}
ANY = "any"
NOBODY = "nobody"
"""How a form names no assignee."""


def projects(db: sqlite3.Connection, request: Request) -> Answer:
    counted = rows(
        db,
        "SELECT *, (SELECT count(*) FROM issue WHERE project = key AND state = 'open') AS open FROM project"
        " ORDER BY key",
    )
    return Page("tracker/projects.html", {"projects": counted})


def project(db: sqlite3.Connection, request: Request, key: str) -> Answer:
    row = found(one(db, "SELECT * FROM project WHERE key = ?", key))
    chosen = {name: request.get(name, ANY) for name in ("state", "label", "assignee", "priority")}
    words, sort = request.get("q"), request.get("sort", "Number")
    query = f"""
        SELECT *, (SELECT group_concat(label, ', ') FROM issue_label WHERE issue = id) AS labels FROM issue
        WHERE project = :key AND :state IN ('any', state) AND :priority IN ('any', priority)
          AND (:assignee = 'any' OR assignee = replace(:assignee, 'nobody', ''))
          AND (:label = 'any' OR :label IN (SELECT label FROM issue_label WHERE issue = id))
          AND instr(lower(title), lower(:words)) ORDER BY {SORTS.get(sort, "number")}, number
    """
    issues = db.execute(query, {"key": key, "words": words, **chosen}).fetchall()
    values = {"project": row, "issues": issues, "chosen": chosen, "words": words, "sort": sort, "sorts": list(SORTS)}
    return Page("tracker/project.html", {**values, **_choices(db)})


def new_issue(db: sqlite3.Connection, request: Request, key: str) -> Answer:
    row = found(one(db, "SELECT * FROM project WHERE key = ?", key))
    return Page("tracker/new.html", {"project": row, **_choices(db)})


def open_issue(db: sqlite3.Connection, request: Request, key: str) -> Answer:
    found(one(db, "SELECT * FROM project WHERE key = ?", key))
    title, body, priority = request.get("title"), request.get("body"), request.get("priority")
    return Redirect(f"/issue/{tracker.open_issue(db, key, title, body, priority, _assignee(request))}")


def issue(db: sqlite3.Connection, request: Request, id: str) -> Answer:
    shown = _issue(db, id)
    labels = [row["label"] for row in rows(db, "SELECT label FROM issue_label WHERE issue = ? ORDER BY label", id)]
    comments = rows(
        db, "SELECT comment.*, name FROM comment JOIN person ON login = author WHERE issue = ? ORDER BY day, id", id
    )
    reporter = one(db, "SELECT name FROM person WHERE login = ?", shown["reporter"])
    values = {"issue": shown, "labels": labels, "comments": comments, "reporter": reporter}
    return Page("tracker/issue.html", {**values, **_choices(db)})


def change(db: sqlite3.Connection, request: Request, id: str) -> Answer:
    _issue(db, id)
    tracker.change(db, id, request.get("state"), request.get("priority"), _assignee(request))
    return Redirect(f"/issue/{id}")


def add_label(db: sqlite3.Connection, request: Request, id: str) -> Answer:
    _issue(db, id)
    tracker.add_label(db, id, request.get("label"))
    return Redirect(f"/issue/{id}")


def remove_label(db: sqlite3.Connection, request: Request, id: str, label: str) -> Answer:
    tracker.remove_label(db, id, label)
    return Redirect(f"/issue/{id}")


def comment(db: sqlite3.Connection, request: Request, id: str) -> Answer:
    _issue(db, id)
    tracker.comment(db, id, request.get("text"))
    return Redirect(f"/issue/{id}")


def _issue(db: sqlite3.Connection, id: str) -> Any:
    return found(one(db, "SELECT * FROM issue WHERE id = ?", id))


def _assignee(request: Request) -> str:
    chosen = request.get("assignee")
    return tracker.NOBODY if chosen == NOBODY else chosen


def _choices(db: sqlite3.Connection) -> dict[str, Any]:
    return {
        "people": rows(db, "SELECT * FROM person ORDER BY name"),
        "all_labels": rows(db, "SELECT * FROM label ORDER BY name"),
        "priorities": tracker.PRIORITIES,
        "states": tracker.STATES,
    }


ROUTES = (
    Route("GET", "/", projects),
    Route("GET", "/project/{key}", project),
    Route("GET", "/project/{key}/new", new_issue),
    Route("POST", "/project/{key}/new", open_issue),
    Route("GET", "/issue/{id}", issue),
    Route("POST", "/issue/{id}", change),
    Route("POST", "/issue/{id}/label", add_label),
    Route("POST", "/issue/{id}/label/{label}/off", remove_label),
    Route("POST", "/issue/{id}/comment", comment),
)
