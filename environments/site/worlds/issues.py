"""What a world's tracker has: projects, labels, and ten issues each with their comments."""

from __future__ import annotations

import sqlite3
from random import Random

from knowhow.environments.site.calendar import days_ago
from knowhow.environments.site.database import insert
from knowhow.environments.site.tracker import NOBODY, PRIORITIES
from knowhow.environments.site.worlds.cast import Cast, words

ISSUES = 10
"""Of each project."""


def fill_tracker(db: sqlite3.Connection, names: Cast, random: Random) -> None:
    for name, about in words()["labels"].items():
        insert(db, "label", name=name, about=about)
    for key, name in names.projects.items():
        insert(db, "project", key=key, name=name, about=f"The issues of {name}.")
        titles = _titles(random)
        ages = sorted(random.sample(range(3, 200), ISSUES), reverse=True)
        for number, (title, age) in enumerate(zip(titles, ages, strict=True), 1):
            _issue(db, names, key, number, title, age, random)


def _titles(random: Random) -> list[str]:
    faults = [f"{part.capitalize()} {fault}" for part in words()["parts"] for fault in words()["faults"]]
    wants = [f"Add {want} to {part}" for want in words()["wants"] for part in words()["parts"]]
    return random.sample(faults, ISSUES - 3) + random.sample(wants, 3)


def _issue(db: sqlite3.Connection, names: Cast, key: str, number: int, title: str, age: int, random: Random) -> None:
    logins = list(names.people)
    issue = f"{key}-{number}"
    insert(
        db,
        "issue",
        id=issue,
        project=key,
        number=number,
        title=title,
        body=random.choice(words()["remarks"]),
        state=random.choice(["open", "open", "closed"]),
        priority=random.choice(PRIORITIES),
        reporter=random.choice(logins),
        assignee=random.choice([NOBODY, *logins[:6]]),
        day=days_ago(age),
    )
    for label in random.sample(list(words()["labels"]), random.randint(0, 2)):
        insert(db, "issue_label", issue=issue, label=label)
    for author in random.sample(logins, random.randint(0, 2)):
        text, day = random.choice(words()["remarks"]), days_ago(random.randint(1, age))
        insert(db, "comment", issue=issue, author=author, text=text, day=day)
