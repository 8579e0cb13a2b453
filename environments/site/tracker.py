"""What can be done in the issue tracker."""

from __future__ import annotations

import sqlite3

from knowhow.environments.site.calendar import TODAY
from knowhow.environments.site.database import insert, one
from knowhow.environments.site.refusal import Refused

STATES = ("open", "closed")
PRIORITIES = ("low", "normal", "high", "urgent")
NOBODY = ""
"""As an assignee."""


def open_issue(
    db: sqlite3.Connection, project: str, title: str, body: str, priority: str = "normal", assignee: str = NOBODY
) -> str:
    """Open an issue; its id, such as ``KEE-12``. Raises: Refused."""
    if not title:
        raise Refused("An issue needs a title.")
    _known(db, priority, assignee)
    number = int(one(db, "SELECT max(number) FROM issue WHERE project = ?", project) or 0) + 1
    me = one(db, "SELECT login FROM account")
    insert(
        db,
        "issue",
        id=f"{project}-{number}",
        project=project,
        number=number,
        title=title,
        body=body,
        state="open",
        priority=priority,
        reporter=me,
        assignee=assignee,
        day=TODAY,
    )
    return f"{project}-{number}"


def change(db: sqlite3.Connection, issue: str, state: str, priority: str, assignee: str) -> None:
    """Raises: Refused for what is no state, priority or person."""
    _there(db, issue)
    _known(db, priority, assignee)
    if state not in STATES:
        raise Refused(f"The state must be one of {', '.join(STATES)}.")
    values = (state, priority, assignee, issue)
    db.execute("UPDATE issue SET state = ?, priority = ?, assignee = ? WHERE id = ?", values)


def update(db: sqlite3.Connection, issue: str, **fields: str) -> None:
    """Change some of state, priority and assignee, and leave the others."""
    _there(db, issue)
    now = one(db, "SELECT state, priority, assignee FROM issue WHERE id = ?", issue)
    change(db, issue, **{**dict(now), **fields})


def add_label(db: sqlite3.Connection, issue: str, label: str) -> None:
    _there(db, issue)
    if not one(db, "SELECT count(*) FROM label WHERE name = ?", label):
        raise Refused(f"There is no label {label!r}.")
    db.execute("INSERT OR REPLACE INTO issue_label VALUES (?, ?)", (issue, label))


def remove_label(db: sqlite3.Connection, issue: str, label: str) -> None:
    db.execute("DELETE FROM issue_label WHERE issue = ? AND label = ?", (issue, label))


def comment(db: sqlite3.Connection, issue: str, text: str) -> None:
    _there(db, issue)
    if not text:
        raise Refused("A comment needs a text.")
    insert(db, "comment", issue=issue, author=one(db, "SELECT login FROM account"), text=text, day=TODAY)


def _there(db: sqlite3.Connection, issue: str) -> None:
    if not one(db, "SELECT count(*) FROM issue WHERE id = ?", issue):
        raise Refused(f"There is no issue {issue}.")


def _known(db: sqlite3.Connection, priority: str, assignee: str) -> None:
    if priority not in PRIORITIES:
        raise Refused(f"The priority must be one of {', '.join(PRIORITIES)}.")
    if assignee != NOBODY and not one(db, "SELECT count(*) FROM person WHERE login = ?", assignee):
        raise Refused(f"There is no person {assignee!r}.")
