"""Games that are generated from the layouts and the goal library of the package ``alfworld``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        return Lazy(len(_KINDS) * _TASKS_A_KIND[split], partial(_task, split))

    def game(self, task: Task) -> Mapping[str, Any]:
        """The game as the engine's game files hold it."""
        goal = _goal(task)
        domain, grammar = library.rules()
        texts = grammar.replace("UNKNOWN GOAL", goal.sentence)
        return {"pddl_domain": domain, "pddl_problem": problem(furnish(goal)), "grammar": texts}

    def walkthrough(self, task: Task) -> list[str] | None:
        return walkthrough(furnish(_goal(task)))


def _task(split: Split, index: int) -> Task:
    turn, at = divmod(index, len(_KINDS))
    kind = _KINDS[at]
    known = goals(split)[kind]
    variant, at = divmod(turn, len(known))
    goal = Goal(kind, known[at].thing, known[at].target, known[at].scene, variant)
    return Task(goal.id, "alfworld", split, kind, goal.sentence)


def _goal(task: Task) -> Goal:
    try:
        goal = Goal.of(task.id)
        if Goal(goal.kind, goal.thing, goal.target, goal.scene) in goals(task.split)[goal.kind]:
            return goal
    except (ValueError, KeyError):
        pass
    raise UnknownName(f"alfworld has no task {task.id!r} in the split {task.split!r}; take one of its tasks()")
