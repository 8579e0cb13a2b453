"""What a world's wiki says of its teams, projects, people and offices."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from random import Random

from knowhow.environments.site import wiki
from knowhow.environments.site.database import one
from knowhow.environments.site.worlds.cast import Cast, address, words
from knowhow.environments.site.worlds.goods import in_stock
from knowhow.environments.site.worlds.issues import ISSUES


def write_wiki(db: sqlite3.Connection, names: Cast, random: Random) -> None:
    for kind, title, facts in _pages(db, names, random):
        wiki.save(db, title, words()["pages"][kind].format(**facts), "first version")


Page = tuple[str, str, dict[str, object]]
"""A kind of page, its title, and what it says."""


def _pages(db: sqlite3.Connection, names: Cast, random: Random) -> Iterator[Page]:
    yield from _teams(names, random)
    yield from _projects(names, random)
    yield from _people(names, random)
    desks, meetings, guests = (one(db, "SELECT name FROM product WHERE id = ?", at) for at in in_stock(db, random, 3))
    yield "Office Supplies", "Office Supplies", {"desks": desks, "meetings": meetings, "guests": guests}
    quiet = ", ".join(random.sample(words()["weekdays"], 2))
    yield "Holidays", "Holidays", {"days": random.randint(24, 32), "quiet": quiet}
    yield "Offices", "Offices", {"head": address(random), "second": address(random)}
    teams, projects = (f"Team {team}" for team in names.teams), names.projects.values()
    links = [*teams, *projects, "Office Supplies", "Holidays", "Offices"]
    yield "main", wiki.MAIN, {"list": "\n".join(f"* [[{title}]]" for title in links)}


def _teams(names: Cast, random: Random) -> Iterator[Page]:
    rooms = random.sample(words()["rooms"], len(names.teams))
    leads = random.sample([*names.people.values()], len(names.teams))
    for team, room, lead, project in zip(names.teams, rooms, leads, names.projects.values(), strict=True):
        hour, weekday = random.randint(8, 16), random.choice(words()["weekdays"])
        facts = {"project": project, "lead": lead, "weekday": weekday, "hour": hour, "room": room}
        yield "team", f"Team {team}", facts


def _projects(names: Cast, random: Random) -> Iterator[Page]:
    for team, (key, project) in zip(names.teams, names.projects.items(), strict=True):
        version = f"{random.randint(1, 9)}.{random.randint(0, 20)}"
        licence, issue = random.choice(words()["licences"]), f"{key}-{random.randint(1, ISSUES)}"
        facts = {"project": project, "team": team, "key": key, "version": version, "licence": licence, "issue": issue}
        yield "project", project, facts


def _people(names: Cast, random: Random) -> Iterator[Page]:
    desks = random.sample(range(2000, 9999), len(names.people))
    for person, desk in zip(names.people.values(), desks, strict=True):
        team, year = random.choice(names.teams), random.randint(2004, 2025)
        role, part = random.choice(words()["roles"]), random.choice(words()["parts"])
        yield "person", person, {"person": person, "role": role, "team": team, "desk": desk, "year": year, "part": part}
