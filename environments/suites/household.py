"""The suite ``household``: chores in rooms made on the spot, in ALFWorld's own observation and command language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

from knowhow.environments.errors import UnknownName
from knowhow.environments.household import designed
from knowhow.environments.household.goals import KINDS, Goal, goals
from knowhow.environments.household.oracle import plan
from knowhow.environments.household.scene import Scene, draw_scene, shuffled
from knowhow.environments.household.world import World
from knowhow.environments.lazy import Lazy
from knowhow.environments.text_world import TextSuite
from knowhow.environments.types import Split, Task, ToolCall

EDITION = "household-1"
"""Part of every random seed: another edition is another set of tasks."""

SIZES: dict[Split, int] = {"train": 12_000, "validation": 3_000, "test": 3_000}


class Household(TextSuite):
    """Six kinds of task in turn, in four kinds of room with 8 to 14 pieces of furniture each.

    How the splits differ: a floor plan (a room and how many pieces of each furniture it has) belongs to one split
    alone, about 3/5 to training and 1/5 each to validation and test. Training and validation ask for the same goals
    (kind, thing, place); one goal in four is kept for the test split, which asks for no other.

    A task fixes the room, the goal and where everything lies. The seed of an episode changes only the order in which
    furniture and things are told. The reward is 1 when the goal is reached, which ends the episode.
    """

    name = "household"
    description = "Chores in text rooms, in ALFWorld's language: put, clean, heat, cool, look at in light, put two."
    licence = "Apache-2.0"
    source = "made on the spot, after ALFWorld (arXiv 2010.03768)"
    reward_visible = False
    max_steps = 50

    def tasks(self, split: Split) -> Sequence[Task]:
        return Lazy(SIZES[split], partial(_task, split))

    def world(self, task: Task, *, seed: int) -> World:
        goal, sentence, scene = _laid_out(task.id)
        return World(shuffled(scene, Random(f"{EDITION}/{task.id}/order/{seed}")), goal, sentence)

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall]:
        goal, _, scene = _laid_out(task.id)
        return [ToolCall("act", {"command": command}) for command in plan(scene, goal)]

    def design_guide(self) -> str:
        return designed.GUIDE

    def designed(self, design: Mapping[str, Any], count: int, seed: int) -> list[Task]:
        """Training tasks made to a description (``environments/household/designed.py``). Raises: BadSetting."""
        return [_made(id) for id in designed.draw_ids(designed.read_design(design), count, Random(seed))]

    def variants(self, task: Task, count: int, seed: int) -> list[Task]:
        """Training tasks with the goal of a training task, in other rooms. Raises: ValueError for another split's."""
        if task.split != "train":
            raise ValueError(f"{task.id} is a {task.split} task; variants are made of training tasks alone")
        goal, _, _ = _laid_out(task.id)
        return [_made(id) for id in designed.variant_ids(goal, count, Random(f"{task.id}/{seed}"))]


def _laid_out(id: str) -> tuple[Goal, str, Scene]:
    """The goal of a task, its sentence and the scene."""
    if id.startswith(designed.PREFIX):
        return designed.made(id, EDITION)
    split, index = _place(id)
    goal, sentence = _goal(split, index)
    return goal, sentence, _scene(split, index, goal)


def _made(id: str) -> Task:
    goal, sentence, _ = designed.made(id, EDITION)
    return Task(id, Household.name, "train", goal.kind.name, sentence)


def _task(split: Split, index: int) -> Task:
    goal, sentence = _goal(split, index)
    return Task(f"{split}-{index}", Household.name, split, goal.kind.name, sentence)


def _goal(split: Split, index: int) -> tuple[Goal, str]:
    """The goal of a task and its sentence. Kinds take turns, so that any first tasks of a split are balanced."""
    random = Random(f"{EDITION}/{split}-{index}/goal")
    kind = KINDS[index % len(KINDS)]
    goal = random.choice(goals(kind, split))
    return goal, random.choice(kind.templates).format(thing=goal.thing, place=goal.place)


def _scene(split: Split, index: int, goal: Goal) -> Scene:
    return draw_scene(goal, split, Random(f"{EDITION}/{split}-{index}/scene"))


def _place(task_id: str) -> tuple[Split, int]:
    """The split and the index that a task id names."""
    name, _, index = task_id.partition("-")
    for split, size in SIZES.items():
        if name == split and index.isdecimal() and int(index) < size:
            return split, int(index)
    raise UnknownName(f"household has no task {task_id!r}; ids are a split and a number, as in 'train-0'")
