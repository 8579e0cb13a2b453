"""Errands in the wiki, and those that begin there and end in the shop or in the tracker."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from knowhow.environments.site import shop, tracker, wiki
from knowhow.environments.site.errands.errand import WIKI, Draw, Kind, Turn, click, fill
from knowhow.environments.site.errands.shop import put
from knowhow.environments.site.errands.tracker import ISSUE, change, named
from knowhow.environments.types import ToolCall

NEEDS = ("new desks", "meetings", "guests")


def text_of(draw: Draw, title: str) -> str:
    return str(draw.one("SELECT text FROM page WHERE title = ?", title))


def fact(draw: Draw, title: str, name: str) -> str:
    """What the page says behind ``* name:``."""
    found = re.search(rf"^\* {name}: (.+)$", text_of(draw, title), re.MULTILINE)
    assert found, f"the page {title} says nothing of {name}"
    return found[1].strip("[]")


def read(title: str) -> list[ToolCall]:
    """From anywhere in the wiki to one of its pages."""
    return [click("link All pages"), click(f"link {title}")]


def rewrite(title: str, text: str) -> list[ToolCall]:
    return [*read(title), click("link Edit this page"), fill("Text", text), click("button Save page")]


def team_of(draw: Draw, project: str) -> str:
    found = re.search(r"is kept by \[\[(.+?)\]\]", text_of(draw, project))
    assert found
    return found[1]


def supply(draw: Draw, need: str) -> str:
    found = re.search(rf"For {need} we order the (.+)\.", text_of(draw, "Office Supplies"))
    assert found
    return found[1]


def any_team(draw: Draw) -> str:
    return str(draw.pick("SELECT title FROM page WHERE title LIKE 'Team %' ORDER BY title")["title"])


def room(draw: Draw) -> Turn:
    team = any_team(draw)
    request = f"Which room does {team} have, according to the wiki? Answer with its name alone."
    return Turn(request, read(team), answer=fact(draw, team, "Room"))


def meeting(draw: Draw) -> Turn:
    team = any_team(draw)
    request = f"When is the weekly meeting of {team}? Answer as the wiki has it, as in Monday at 8:00."
    return Turn(request, read(team), answer=fact(draw, team, "Weekly meeting"))


def since(draw: Draw) -> Turn:
    person = draw.pick("SELECT name FROM person ORDER BY login")["name"]
    request = f"Since which year has {person} been with us, according to the wiki?"
    return Turn(request, read(person), answer=fact(draw, person, "With us since"))


def phone_of_lead(draw: Draw) -> Turn:
    project = draw.pick("SELECT name FROM project ORDER BY key")["name"]
    team = team_of(draw, project)
    lead = fact(draw, team, "Lead")
    request = f"What is the desk phone of the lead of the team that keeps {project}?"
    way = [click(f"link {project}"), click(f"link {team}"), click(f"link {lead}")]
    return Turn(request, way, answer=fact(draw, lead, "Desk phone"))


def correct_phone(draw: Draw) -> Turn:
    person, new = draw.pick("SELECT name FROM person ORDER BY login")["name"], str(draw.random.randint(2000, 9999))
    old = fact(draw, person, "Desk phone")
    return _correction(
        draw, person, f"Desk phone: {old}", f"Desk phone: {new}", f'The desk phone of {person} is now "{new}".'
    )


def correct_room(draw: Draw) -> Turn:
    team, new = any_team(draw), draw.random.choice(["North Wing", "Old Library", "Glass House"])
    old = fact(draw, team, "Room")
    return _correction(draw, team, f"Room: {old}", f"Room: {new}", f'{team} has moved to the room "{new}".')


def add_line(draw: Draw) -> Turn:
    title = draw.random.choice(["Holidays", "Offices", "Office Supplies"])
    line = f"{draw.random.choice(['Questions go to', 'This page is kept by', 'Ask first'])} {_person(draw)}."
    way = rewrite(title, f"{text_of(draw, title)}\n{line}")
    request = f'Add a line at the end of the page {title} in the wiki: "{line}"'
    return Turn(request, way, partial(wiki.append, title=title, line=line))


def new_page(draw: Draw) -> Turn:
    title = draw.random.choice(["Parking", "Visitors", "First Day", "Lost and Found"])
    text = f"{_person(draw)} knows about it."
    way = [click("link New page"), fill("Title", title), fill("Text", text), click("button Save page")]
    request = f'Make a page with the title "{title}" and the text "{text}" in the wiki.'
    return Turn(request, way, partial(wiki.save, title=title, text=text))


def hurry_release(draw: Draw) -> Turn:
    project = draw.pick("SELECT name FROM project ORDER BY key")["name"]
    waits = re.search(r"waits for the issue ([A-Z]+-\d+)", text_of(draw, project))
    assert waits
    issue = draw.one(f"{ISSUE} AND id = ? AND priority <> 'urgent'", waits[1])
    way = [*read(project), click("link Issues"), *change(issue, "Priority", "urgent")]
    request = (
        f"Give the issue that the next release of {project} waits for, according to the wiki, the priority urgent."
    )
    return Turn(request, way, partial(tracker.update, issue=issue["id"], priority="urgent"))


def assign_to_lead(draw: Draw) -> Turn:
    issue = draw.pick(f"{ISSUE} AND state = 'open' ORDER BY id")
    lead = fact(draw, team_of(draw, issue["place"]), "Lead")
    login = draw.one("SELECT login FROM person WHERE name = ? AND login <> ?", lead, issue["assignee"])
    way = [*read(issue["place"]), click("link Issues"), *change(issue, "Assignee", lead)]
    request = f"Assign {named(issue)} to the lead of the team that keeps {issue['place']}; the wiki says who that is."
    return Turn(request, way, partial(tracker.update, issue=issue["id"], assignee=login))


def order_supply(draw: Draw) -> Turn:
    need, quantity = draw.random.choice(NEEDS), draw.random.randint(1, 3)
    name = supply(draw, need)
    product = draw.one("SELECT id FROM product WHERE name = ?", name)
    way = [*read("Office Supplies"), click("link Shop"), *put(name, quantity)]
    request = f"The wiki says what we order for {need}. Put {quantity} of that into the cart of the shop."
    return Turn(request, way, partial(shop.put_into_cart, product=product, quantity=quantity))


def _person(draw: Draw) -> str:
    return str(draw.pick("SELECT name FROM person ORDER BY login")["name"])


def _correction(draw: Draw, title: str, old: str, new: str, news: str) -> Turn:
    way = rewrite(title, text_of(draw, title).replace(old, new))
    return Turn(
        f"{news} Correct the page {title} in the wiki.", way, partial(wiki.replace, title=title, old=old, new=new)
    )


DRAWS: tuple[Callable[[Draw], Turn], ...] = (
    room, correct_phone, phone_of_lead, order_supply, new_page, hurry_release, meeting, add_line, since, assign_to_lead,
    correct_room,
)  # fmt: skip
KINDS = tuple(Kind(WIKI, draw) for draw in DRAWS)
