"""The tasks of the suite ``mcp``: rows of a file, and what checks how each was done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from knowhow.environments.discover import build, find
from knowhow.environments.errors import BadSetting, UnknownName
from knowhow.environments.question import Question
from knowhow.environments.records import read_rows
from knowhow.environments.shares import split_of
from knowhow.environments.types import SPLITS, Task, ToolCall

FIELDS = ("goal", "kind", "answer", "check", "split")
KIND = "mcp"
"""Of a row that names none."""
GRADINGS = "knowhow.environments.gradings"

Ask = Callable[[str, Mapping[str, Any]], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Outcome(Question):
    """How an episode ended, for who checks it: ``text`` is the goal, ``answer`` the expected one.

    ``calls`` are those made of the server's tools, each with what came of it. ``await ask(tool, arguments)`` calls any
    of the server's tools, for a look at its state, also those that the agent was not offered.
    """

    calls: tuple[tuple[ToolCall, str], ...] = ()
    ask: Ask | None = None


Check = Callable[[Outcome, str], float | Awaitable[float]]
"""From how it ended and the answer given to the reward in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """A task, with what stays inside the suite."""

    task: Task
    answer: str
    check: Check


def read_tasks(source: str, suite: str, check: str, grading: str) -> Mapping[str, Assigned]:
    """The rows of ``source`` by their tasks' ids. ``check`` and ``grading`` are the suite's settings.

    Raises: BadSetting, which names the line; MissingExtra.
    """
    found: dict[str, Assigned] = {}
    goals: dict[str, int] = {}
    for number, row in read_rows(source):
        try:
            read = _read(f"line-{number}", suite, row, check, grading)
            if goals.setdefault(read.task.goal, number) != number:
                raise BadSetting(f"the goal of line {goals[read.task.goal]} once more; each goal is one task")
        except (BadSetting, UnknownName) as error:
            raise BadSetting(f"{source} line {number}: {error}") from None
        found[read.task.id] = read
    return found


def _read(id: str, suite: str, row: Mapping[str, Any], check: str, grading: str) -> Assigned:
    row = {name: value for name, value in row.items() if value not in (None, "")}
    if unfit := [name for name in row if name not in FIELDS]:
        raise BadSetting(f"there is no field {unfit[0]!r}; the fields are {', '.join(FIELDS)}")
    if "goal" not in row:
        raise BadSetting(f"it has no goal; its fields are {', '.join(row)}")
    for name in ("goal", "kind", "check", "split"):
        if not isinstance(row.get(name, ""), str):
            raise BadSetting(f"{name}={row.get(name)!r:.80} is no text")
    split = row.get("split") or split_of(row["goal"])
    if split not in SPLITS:
        raise BadSetting(f"split={split!r} is none of {', '.join(SPLITS)}")
    checks = _check(row, check, grading)
    return Assigned(Task(id, suite, split, row.get("kind", KIND), row["goal"]), str(row.get("answer", "")), checks)


def _check(row: Mapping[str, Any], check: str, grading: str) -> Check:
    where, _, name = check.rpartition(":") if ":" in check else (check, "", "")
    name = row.get("check", name)
    if name and not where:
        raise BadSetting(f"check={name!r} is in no file; name that, as in mcp(check='checks.py')")
    if not name and not grading and "answer" not in row:
        raise BadSetting("it has neither an answer nor a check, so nothing says how it went; add one")
    # A row names a function of the suite's own module alone: a file of tasks must not load code from elsewhere.
    made: Check = find(GRADINGS, f"{where}:{name}") if name else build(GRADINGS, grading or "exact")
    return made
