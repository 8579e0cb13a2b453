"""Tasks for any site, from a file: a row each, with a start page, a goal, and what must hold on the page at its end.

A row of a ``.jsonl`` file, or an item of the list in a ``.yaml`` file, has the fields of ``WebTask``::

    {"start": "https://example.org/", "goal": "find the page on prices", "url": "/prices$", "text": "per month"}
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from knowhow.environments.browser.tools import TOOLS
from knowhow.environments.calls import check_call, parse_call
from knowhow.environments.errors import BadSetting
from knowhow.environments.records import read_rows
from knowhow.environments.site.worlds.cast import words
from knowhow.environments.types import SPLITS, ToolCall

CHECKS = ("url", "text", "js", "answer", "judge")


@dataclass(frozen=True, slots=True)
class WebTask:
    """``start``: the address of the first page. ``id``: unique, by default the line in the file. ``split``: by default
    drawn.

    What must hold, all of it: ``url``, a regular expression that is found in the page's address; ``text``, which can be
    seen on the page; ``js``, an expression that is true there; ``answer``, what ``done`` says; ``judge``, what a judge
    is told to look for. ``way``: calls that solve it, as text, if they are known. ``site``: the world of the package's
    own site (``site/``) that is served for it, 0 to 11; without one, the page is one of the network's.
    """

    start: str
    goal: str
    id: str = ""
    split: str = ""
    kind: str = "web"
    url: str = ""
    text: str = ""
    js: str = ""
    answer: str = ""
    judge: str = ""
    way: tuple[str, ...] = ()
    site: int | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.start)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadSetting(f"start={self.start!r} is no address; write it as in https://example.org/")
        if self.split not in ("", *SPLITS):
            raise BadSetting(f"split={self.split!r} is none of {', '.join(SPLITS)}")
        if self.site is not None and not 0 <= self.site < words()["worlds"]:
            raise BadSetting(f"site={self.site} is no world; take one from 0 to {words()['worlds'] - 1}")
        if not any(getattr(self, check) for check in CHECKS):
            raise BadSetting(f"nothing says when it is done; add one of {', '.join(CHECKS)}")
        try:
            re.compile(self.url)
        except re.error as error:
            raise BadSetting(f"url={self.url!r} is no regular expression ({error})") from None

    @property
    def waits_for_answer(self) -> bool:
        """Is it judged when the agent is done, and not before?"""
        return bool(self.answer or self.judge)

    @property
    def calls(self) -> Sequence[ToolCall]:
        """The way, as calls. Raises: BadSetting."""
        return [_call(text) for text in self.way]


def read_tasks(path: str) -> list[WebTask]:
    """The tasks of a file. Raises: BadSetting, with the line, for one that is none."""
    tasks: dict[str, WebTask] = {}
    for line, row in read_rows(path):
        try:
            task = _task(line, row)
            if task.id in tasks:
                raise BadSetting(f"the id {task.id!r} is there twice; give each task its own")
            task.calls  # noqa: B018  # raises where one is none
        except BadSetting as error:
            raise BadSetting(f"{path} line {line}: {error}") from None
        tasks[task.id] = task
    if not tasks:
        raise BadSetting(f"{path} has no tasks; write one a line, with start, goal and one of {', '.join(CHECKS)}")
    return list(tasks.values())


def _task(line: int, row: Mapping[str, Any]) -> WebTask:
    known = {field.name: field.type for field in fields(WebTask)}
    for name, value in row.items():
        kind: type = {"way": list, "site": int}.get(name, str)
        if name not in known:
            raise BadSetting(f"there is no field {name!r}; the fields are {', '.join(known)}")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise BadSetting(f"{name}={value!r} is of the wrong type; it must be of the type {kind.__name__}")
    lacking = [name for name in ("start", "goal") if not row.get(name)]
    if lacking:
        raise BadSetting(f"it lacks {' and '.join(lacking)}")
    return WebTask(**{"id": f"line-{line}", **row, "way": tuple(map(str, row.get("way", ())))})


def _call(text: str) -> ToolCall:
    try:
        call = parse_call(text, TOOLS)
    except ValueError as error:
        raise BadSetting(f"way has {text!r}: {error}") from None
    if wrong := check_call(call, TOOLS):
        raise BadSetting(f"way has {text!r}: {wrong}")
    return call
