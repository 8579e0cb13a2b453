"""Errands in the issue tracker."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from knowhow.environments.site import tracker
from knowhow.environments.site.errands.errand import ISSUES, Draw, Kind, Turn, all_of, click, fill, select
from knowhow.environments.types import ToolCall

ISSUE = "SELECT issue.*, project.name AS place FROM issue, project WHERE issue.project = project.key"
TITLES = ["The clock is late", "Names are cut off", "No answer after midnight", "Wrong page after signing in"]
BODIES = ["Seen on two machines.", "It began on Monday.", "Always, and for everybody.", "Only in the morning."]


def visit(issue: Any) -> list[ToolCall]:
    """From anywhere in the tracker to the page of an issue."""
    return [click("link Projects"), click(f"link {issue['place']}"), click(f"link {issue['title']}")]


def change(issue: Any, field: str, option: str) -> list[ToolCall]:
    return [*visit(issue), select(field, option), click("button Save changes")]


def named(issue: Any) -> str:
    return f'the issue "{issue["title"]}" of {issue["place"]}'


def count(draw: Draw) -> Turn:
    counted = draw.pick(
        "SELECT project.name, label, count(*) AS count FROM issue JOIN issue_label ON id = issue"
        " JOIN project ON key = project WHERE state = 'open' GROUP BY project, label ORDER BY project, label"
    )
    label, project = counted["label"], counted["name"]
    way = [click(f"link {project}"), select("State", "open"), select("Label", label), click("button Filter")]
    return Turn(f"How many open issues of {project} have the label {label}?", way, answer=str(counted["count"]))


def assignee(draw: Draw) -> Turn:
    issue = draw.pick(f"{ISSUE} AND assignee <> '' ORDER BY id")
    name = draw.one("SELECT name FROM person WHERE login = ?", issue["assignee"])
    request = f"Who is {named(issue)} assigned to? Answer with the full name alone."
    return Turn(request, visit(issue), answer=name)


def reporter(draw: Draw) -> Turn:
    issue = draw.pick(f"{ISSUE} ORDER BY id")
    name = draw.one("SELECT name FROM person WHERE login = ?", issue["reporter"])
    return Turn(f"Who reported {named(issue)}? Answer with the full name alone.", visit(issue), answer=name)


def open_issue(draw: Draw) -> Turn:
    project = draw.pick("SELECT * FROM project ORDER BY key")
    title, body = draw.random.choice(TITLES), draw.random.choice(BODIES)
    priority = draw.random.choice(["low", "high", "urgent"])
    way = [
        *(click(f"link {project['name']}"), click("link New issue"), fill("Title", title), fill("Description", body)),
        *(select("Priority", priority), click("button Open issue")),
    ]
    request = f'Open an issue of {project["name"]} with the title "{title}", the description "{body}" and the priority '
    effect = partial(tracker.open_issue, project=project["key"], title=title, body=body, priority=priority)
    return Turn(f"{request}{priority}.", way, effect)


def close(draw: Draw) -> Turn:
    issue = draw.pick(f"{ISSUE} AND state = 'open' ORDER BY id")
    effect = partial(tracker.update, issue=issue["id"], state="closed")
    return Turn(f"Close {named(issue)}.", change(issue, "State", "closed"), effect)


def reopen(draw: Draw) -> Turn:
    issue = draw.pick(f"{ISSUE} AND state = 'closed' ORDER BY id")
    effect = partial(tracker.update, issue=issue["id"], state="open")
    return Turn(f"Open {named(issue)} again.", change(issue, "State", "open"), effect)


def prioritise(draw: Draw) -> Turn:
    issue = draw.pick(f"{ISSUE} ORDER BY id")
    priority = draw.random.choice([one for one in tracker.PRIORITIES if one != issue["priority"]])
    effect = partial(tracker.update, issue=issue["id"], priority=priority)
    return Turn(f"Give {named(issue)} the priority {priority}.", change(issue, "Priority", priority), effect)


def assign(draw: Draw) -> Turn:
    issue = draw.pick(f"{ISSUE} ORDER BY id")
    person = draw.pick("SELECT * FROM person WHERE login <> ? ORDER BY login", issue["assignee"])
    effect = partial(tracker.update, issue=issue["id"], assignee=person["login"])
    return Turn(f"Assign {named(issue)} to {person['name']}.", change(issue, "Assignee", person["name"]), effect)


def assign_oldest(draw: Draw) -> Turn:
    project = draw.pick(
        "SELECT DISTINCT project.* FROM project JOIN issue ON key = project WHERE state = 'open' AND assignee = ''"
    )
    issue = draw.one(f"{ISSUE} AND project = ? AND state = 'open' AND assignee = '' ORDER BY day", project["key"])
    me = draw.one("SELECT * FROM account")
    request = f"Assign the oldest open issue of {project['name']} that is assigned to nobody to me."
    effect = partial(tracker.update, issue=issue["id"], assignee=me["login"])
    return Turn(request, change(issue, "Assignee", me["name"]), effect)


def label(draw: Draw) -> Turn:
    issue = draw.pick(f"{ISSUE} ORDER BY id")
    new = draw.pick(
        "SELECT name FROM label WHERE name NOT IN (SELECT label FROM issue_label WHERE issue = ?) ORDER BY name",
        issue["id"],
    )["name"]
    way = [*visit(issue), select("Label", new), click("button Add label")]
    effect = partial(tracker.add_label, issue=issue["id"], label=new)
    return Turn(f"Give {named(issue)} the label {new} as well.", way, effect)


def unlabel(draw: Draw) -> Turn:
    issue = draw.pick(f"{ISSUE} AND id IN (SELECT issue FROM issue_label) ORDER BY id")
    old = draw.pick("SELECT label FROM issue_label WHERE issue = ? ORDER BY label", issue["id"])["label"]
    way = [*visit(issue), click(f"button Remove label {old}")]
    effect = partial(tracker.remove_label, issue=issue["id"], label=old)
    return Turn(f"Take the label {old} off {named(issue)}.", way, effect)


def comment(draw: Draw) -> Turn:
    issue, text = (
        draw.pick(f"{ISSUE} ORDER BY id"),
        draw.random.choice(["I look into it.", "Fixed today.", "Cannot repeat it."]),
    )
    way = [*visit(issue), fill("Your comment", text), click("button Add comment")]
    effect = partial(tracker.comment, issue=issue["id"], text=text)
    return Turn(f'Comment on {named(issue)}: "{text}"', way, effect)


def close_all(draw: Draw) -> Turn:
    some = draw.pick(
        "SELECT project, label FROM issue JOIN issue_label ON id = issue WHERE state = 'open'"
        " GROUP BY project, label HAVING count(*) BETWEEN 2 AND 3 ORDER BY project, label"
    )
    issues = draw.rows(
        f"{ISSUE} AND state = 'open' AND project = ? AND id IN (SELECT issue FROM issue_label WHERE label = ?)"
        " ORDER BY id",
        *(some["project"], some["label"]),
    )
    way = [call for issue in issues for call in change(issue, "State", "closed")]
    effect = all_of(*(partial(tracker.update, issue=issue["id"], state="closed") for issue in issues))
    return Turn(f"Close every open issue of {issues[0]['place']} that has the label {some['label']}.", way, effect)


DRAWS: tuple[Callable[[Draw], Turn], ...] = (
    close, assignee, open_issue, label, count, assign, comment, prioritise, reporter, unlabel, assign_oldest, reopen,
    close_all,
)  # fmt: skip
KINDS = tuple(Kind(ISSUES, draw) for draw in DRAWS)
