"""What waits for a person, and the decisions: by the same functions as ``knowhow memory review``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.responses import Response

from knowhow.environments.errors import BadSetting, KnowhowError
from knowhow.evals.memory_folder import alone, memory_in
from knowhow.evals.review_lines import waiting_lines
from knowhow.evals.viewer.folders import Folder
from knowhow.evals.viewer.guard import is_known
from knowhow.evals.viewer.items import sources
from knowhow.evals.viewer.site import Asked, Page, Site, link, redirect
from knowhow.memory.review import PROPOSAL, accept, reject
from knowhow.memory.store import Memory
from knowhow.memory.types import Item, Status

PAGE = 20


@dataclass(frozen=True, slots=True)
class Waiting:
    """``lines``: what would come of it; ``words``: the text that would be shown, empty where there is none to edit."""

    item: Item
    lines: list[str]
    words: str
    taught: list[tuple[str, str | None]]


def review(site: Site, asked: Asked) -> Page:
    deed, id, version = _DONE.get(asked.get("done"), ""), asked.get("item"), asked.number("version", 0)
    told = f"{deed} {id}: version {version}." if deed and re.fullmatch(r"[\w-]{1,60}", id) else ""
    return _page(site.folders.open(asked.names["run"]), told)


def decide(site: Site, asked: Asked) -> Page | Response:
    """Take a decision, and show what still waits."""
    folder = site.folders.open(asked.names["run"])
    if not is_known(asked.form.get("token", ""), site.token):
        return _page(folder, "This page is of an earlier server; it is fresh now, decide again.", 403)
    id, deed = asked.form.get("id", ""), asked.form.get("deed", "")
    try:
        if folder.memory != folder.path:
            raise BadSetting("what this run used is decided on where it was learned")
        with alone(folder.path), memory_in(folder.path) as memory:
            version = _deed(deed)(memory, id, asked.form)
    except KnowhowError as error:
        return _page(folder, f"Nothing was decided: {error}", 409)
    return redirect(link("runs", folder.name, "review", done=deed, item=id, version=version))


def _accepted(memory: Memory, id: str, form: Mapping[str, str]) -> int:
    return accept(memory, id)


def _edited(memory: Memory, id: str, form: Mapping[str, str]) -> int:
    return accept(memory, id, form.get("text", "").replace("\r\n", "\n"))


def _rejected(memory: Memory, id: str, form: Mapping[str, str]) -> int:
    return reject(memory, id, form.get("why", "").strip())


_DEEDS = {"accept": _accepted, "edit": _edited, "reject": _rejected}
_DONE = {"accept": "Accepted", "edit": "Accepted in your words", "reject": "Rejected"}


def _deed(name: str) -> Callable[[Memory, str, Mapping[str, str]], int]:
    if name not in _DEEDS:
        raise BadSetting(f"{name!r} is no decision; it is one of {', '.join(_DEEDS)}")
    return _DEEDS[name]


def _page(folder: Folder, notice: str, status: int = 200) -> Page:
    items = folder.journal.items() if folder.memory == folder.path else {}
    waiting = [item for item in items.values() if item.status is Status.PENDING]
    shown = [
        Waiting(item, waiting_lines(items, item), _words(item), sources(folder, item.sources[:8]))
        for item in waiting[:PAGE]
    ]
    values = {"waiting": shown, "more": len(waiting) - len(shown), "notice": notice, "bad": status != 200}
    return Page("review.html", values, folder, "review", status)


def _words(item: Item) -> str:
    if item.kind != PROPOSAL:
        return item.text
    fields = item.data.get("fields")
    return str(fields.get("text", "")) if isinstance(fields, Mapping) else ""
