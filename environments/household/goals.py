"""What can be asked for: the six kinds of task, and which goals belong to which split.

A goal is a (kind, thing, place). One goal in four is asked for in the test split alone; training and validation share
the rest. The sentences are the templates of ALFWorld's ``alfworld/gen/goal_library.py`` (MIT).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from knowhow.environments.household.rooms import APPLIANCE, HOLDS, ROOMS, TREATABLE, Room
from knowhow.environments.types import Split


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of task: ``count`` things into a place, each treated first; or, with ``lamp``, one looked at under it."""

    name: str
    templates: tuple[str, ...]
    treatment: str = ""
    count: int = 1
    lamp: bool = False


KINDS = (
    Kind("put", ("put a {thing} in {place}", "put some {thing} on {place}")),
    Kind("clean", ("put a clean {thing} in {place}", "clean some {thing} and put it in {place}"), treatment="clean"),
    Kind("heat", ("put a hot {thing} in {place}", "heat some {thing} and put it in {place}"), treatment="heat"),
    Kind("cool", ("put a cool {thing} in {place}", "cool some {thing} and put it in {place}"), treatment="cool"),
    Kind("light", ("look at {thing} under the {place}", "examine the {thing} with the {place}"), lamp=True),
    Kind("put two", ("put two {thing} in {place}", "find two {thing} and put them in {place}"), count=2),
)


@dataclass(frozen=True, slots=True)
class Goal:
    """A kind of task in a room: ``thing`` is the kind of thing, ``place`` the kind of furniture, or of lamp."""

    kind: Kind
    room: str
    thing: str
    place: str


@cache
def goals(kind: Kind, split: Split) -> tuple[Goal, ...]:
    """Every goal of a kind that a split may ask for."""
    held_out = split == "test"
    return tuple(goal for goal in _all_goals(kind) if _only_in_test(goal) == held_out)


def _all_goals(kind: Kind) -> Iterator[Goal]:
    for name, room in ROOMS.items():
        for place in room.lamps if kind.lamp else room.furniture:
            things = (thing for thing in room.things if _makes_sense(kind, room, thing, place))
            yield from (Goal(kind, name, thing, place) for thing in things)


def _makes_sense(kind: Kind, room: Room, thing: str, place: str) -> bool:
    """Can it be done in every such room, and is it never done at the start?"""
    if kind.lamp:
        return True
    if kind.treatment:
        appliance = APPLIANCE[kind.treatment]
        if thing not in TREATABLE[kind.treatment] or appliance not in room.furniture or appliance == place:
            return False
    always_there = (other for other, (least, _) in room.furniture.items() if least and other != place)
    return thing in HOLDS[place] and any(thing in HOLDS[other] for other in always_there)


def _only_in_test(goal: Goal) -> bool:
    # Not by the room: what is asked for in one room alone would else be known from another.
    return zlib.crc32(f"{goal.kind.name}/{goal.thing}/{goal.place}".encode()) % 4 == 0
