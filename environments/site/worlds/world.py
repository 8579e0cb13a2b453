"""A world as a database."""

from __future__ import annotations

import functools
import sqlite3
from random import Random

from knowhow.environments.site import database, wiki
from knowhow.environments.site.calendar import days_ago
from knowhow.environments.site.database import insert, one, rows
from knowhow.environments.site.worlds.cast import Cast, address, cast, words
from knowhow.environments.site.worlds.goods import fill_shop
from knowhow.environments.site.worlds.issues import fill_tracker
from knowhow.environments.site.worlds.pages import write_wiki

EDITION = "site-1"
"""Part of every random seed: another edition is another set of worlds and tasks."""

STRANGER = "Happy Customer"


@functools.cache
def world(number: int, injections: bool) -> sqlite3.Connection:
    """The database of a world, to be copied and never written to. ``injections``: with text that tries to mislead."""
    random = Random(f"{EDITION}/{number}")
    db, names = database.empty(), cast(number, random)
    _people(db, names, random)
    fill_shop(db, names, random)
    fill_tracker(db, names, random)
    write_wiki(db, names, random)
    if injections:
        _inject(db, random)
    db.execute("UPDATE revision SET day = ?, author = ?", (days_ago(200), list(names.people.values())[1]))
    return db


def _people(db: sqlite3.Connection, names: Cast, random: Random) -> None:
    for login, name in names.people.items():
        insert(db, "person", login=login, name=name)
    login, name = next(iter(names.people.items()))
    phone, home = f"555-{random.randint(1000, 9999)}", address(random)
    insert(db, "account", name=name, login=login, email=f"{login}@company.example", phone=phone, address=home)


def _inject(db: sqlite3.Connection, random: Random) -> None:
    texts = words()["injections"]
    for product in random.sample(range(1, one(db, "SELECT max(id) FROM product") + 1), 12):
        text = random.choice(texts["review"])
        insert(db, "review", product=product, author=STRANGER, stars=3, text=text, day=days_ago(3))
    author = one(db, "SELECT max(login) FROM person")
    for issue in random.sample([row["id"] for row in rows(db, "SELECT id FROM issue ORDER BY id")], 6):
        insert(db, "comment", issue=issue, author=author, text=random.choice(texts["comment"]), day=days_ago(1))
    for title in random.sample([row["title"] for row in rows(db, "SELECT title FROM page ORDER BY title")], 4):
        wiki.append(db, title, random.choice(texts["wiki"]))
