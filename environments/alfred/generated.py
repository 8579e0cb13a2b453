"""Games that are generated from the layouts and the goal library of the package ``alfworld``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from knowhow.environments.alfred import library
from knowhow.environments.alfred.goals import UPSTREAM, Goal, goals
from knowhow.environments.alfred.room import furnish, problem, walkthrough
from knowhow.environments.errors import UnknownName
from knowhow.environments.lazy import Lazy
from knowhow.environments.types import Split, Task

_KINDS = tuple(UPSTREAM)
_TASKS_A_KIND: Mapping[Split, int] = {"train": 500, "validation": 100, "test": 100}


class Generated:
    """3,000 tasks for training, 600 each for validation and testing, kinds in turn, split as in ``goals.py``."""

    description = "ALFWorld engine, generated games: six kinds of household task in 120 floor plans."

    def tasks(self, split: Split) -> Sequence[Task]:
        """Where a kind has fewer goals than tasks, its goals come again in rooms that are furnished anew."""
        return Lazy(len(_KINDS) * _TASKS_A_KIND[split], partial(_task, split, goals(split)))

    def game(self, task: Task) -> Mapping[str, Any]:
        """The game as the engine's game files hold it."""
        goal = _goal(task)
        domain, grammar = library.rules()
        texts = grammar.replace("UNKNOWN GOAL", goal.sentence)
        return {"pddl_domain": domain, "pddl_problem": problem(furnish(goal)), "grammar": texts}

    def walkthrough(self, task: Task) -> list[str] | None:
        return walkthrough(furnish(_goal(task)))


def _task(split: Split, goals: Mapping[str, Sequence[Goal]], index: int) -> Task:
    turn, kind = divmod(index, len(_KINDS))
    known = goals[_KINDS[kind]]
    variant, at = divmod(turn, len(known))
    goal = replace(known[at], variant=variant)
    return Task(goal.id, "alfworld", split, goal.kind, goal.sentence)


def _goal(task: Task) -> Goal:
    with suppress(ValueError, KeyError):
        goal = Goal.of(task.id)
        if replace(goal, variant=0) in goals(task.split)[goal.kind]:
            return goal
    raise UnknownName(f"alfworld has no task {task.id!r} in the split {task.split!r}; take one of its tasks()")
