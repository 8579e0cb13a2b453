"""Which goals there are in which floor plan, and how they are split.

The test split has the 24 floor plans that ALFRED keeps for testing (six of each room, ``TEST_SCENE_NUMBERS``), so that
training never shows its layouts (like ALFWorld's ``valid_unseen``). Training and validation share the other 96; a goal
in a floor plan (kind of task, thing, receptacle) belongs to one of the two, by a hash, a quarter of them to validation
(like ``valid_seen``: other goals in known rooms).
"""

from __future__ import annotations

import functools
import random
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from knowhow.environments.alfred import library
from knowhow.environments.types import Split

UPSTREAM = {
    "put": "pick_and_place_simple",
    "clean": "pick_clean_then_place_in_recep",
    "heat": "pick_heat_then_place_in_recep",
    "cool": "pick_cool_then_place_in_recep",
    "light": "look_at_obj_in_light",
    "put two": "pick_two_obj_and_place",
}
"""Our names of the six kinds of task, and ALFRED's."""

WITH = {"clean": ("Cleanable", "SinkBasin"), "heat": ("Heatable", "Microwave"), "cool": ("Coolable", "Fridge")}
"""What a thing must be, and where it is done to it."""

LAMP = "DeskLamp"
LAMP_STANDS = ("SideTable", "Desk", "Dresser", "DiningTable", "CoffeeTable", "Shelf")


@dataclass(frozen=True, order=True)
class Goal:
    """Do ``kind`` with ``thing`` and ``target``, a receptacle or a lamp, in the floor plan ``scene``.

    The same goal with another ``variant`` is set in a room that is furnished anew.
    """

    kind: str
    thing: str
    target: str
    scene: int
    variant: int = 0

    @property
    def id(self) -> str:
        return f"{self.kind.replace(' ', '_')}-{self.thing}-{self.target}-{self.scene}-{self.variant}"

    @classmethod
    def of(cls, id: str) -> Goal:
        kind, thing, target, scene, variant = id.split("-")
        return cls(kind.replace("_", " "), thing, target, int(scene), int(variant))

    @property
    def sentence(self) -> str:
        """The goal in words: one of the goal library's sentences, always the same one."""
        template: str = random.Random(self.id).choice(library.goals()[UPSTREAM[self.kind]]["templates"])
        return template.format(obj=self.thing.lower(), recep=self.target.lower(), toggle=self.target.lower())


@functools.cache
def goals(split: Split) -> Mapping[str, tuple[Goal, ...]]:
    """Every goal of a split by kind of task, shuffled once and for all."""
    constants = library.constants()
    scenes = constants["TEST_SCENE_NUMBERS" if split == "test" else "TRAIN_SCENE_NUMBERS"]
    return {kind: _shuffled(goal for scene in scenes for goal in _goals(kind, scene, split)) for kind in UPSTREAM}


def _belongs(goal: Goal, split: Split) -> bool:
    return split in ("test", "train" if zlib.crc32(goal.id.encode()) % 4 else "validation")


def _shuffled(goals: Iterator[Goal]) -> tuple[Goal, ...]:
    ordered = sorted(goals)
    random.Random("goals").shuffle(ordered)
    return tuple(ordered)


def _goals(kind: str, scene: int, split: Split) -> Iterator[Goal]:
    room = next(name for name, scenes in library.constants()["SCENE_TYPE"].items() if scene in scenes)
    if room not in library.constants()["GOALS_VALID"][UPSTREAM[kind]]:
        return
    floor = library.floor(scene)
    for thing in filter(functools.partial(_fits, kind, floor), floor.things):
        homes = [receptacle for receptacle in floor.receptacles if library.holds(receptacle, thing)]
        targets = [LAMP] if kind == "light" else homes
        found = (Goal(kind, thing, target, scene) for target in targets if set(homes) - {target})
        yield from (goal for goal in found if _belongs(goal, split))


def _fits(kind: str, floor: library.Floor, thing: str) -> bool:
    """Can a task of this kind be about this thing, on this floor?"""
    if kind == "light":
        return LAMP in floor.things and any(stand in floor.receptacles for stand in LAMP_STANDS)
    quality, place = WITH.get(kind, ("", ""))
    return not quality or (library.can(quality, thing) and place in floor.receptacles)
