"""Scenes: the furniture of a room and where everything lies at the start, drawn for a goal.

A floor plan (a room and how many pieces of each furniture it has) belongs to one split alone, so that validation and
test rooms are rooms that training never shows.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from knowhow.environments.household.goals import Goal
from knowhow.environments.household.rooms import HOLDS, LAMP_STANDS, LAMPS, ROOMS, kind_of
from knowhow.environments.types import Split

Scene = Mapping[str, Sequence[str]]
"""The things in or on each piece of furniture: ``{"shelf 1": ["mug 1"], "fridge 1": []}``."""

PIECES = range(8, 15)
"""How many pieces of furniture a room has: few enough to search all of them within an episode."""

_SHARES: tuple[Split, ...] = ("train", "train", "train", "validation", "test")


def draw_scene(goal: Goal, split: Split, random: Random, pieces: range = PIECES, clutter: float = 1.0) -> Scene:
    """A room of the split where the goal can be reached and is not yet: the things are not where they shall be.

    ``clutter`` in [0, 1] is how much of what the goal does not need lies around.
    """
    plan = _floor_plan(goal, split, random, pieces)
    scene: dict[str, list[str]] = {f"{kind} {n}": [] for kind, count in plan.items() for n in range(1, count + 1)}
    for thing in _things(goal, random):
        if clutter < 1 and kind_of(thing) not in (goal.thing, goal.place) and random.random() >= clutter:
            continue
        spots = [place for place in scene if _may_lie(thing, place, goal)]
        if spots:
            scene[random.choice(spots)].append(thing)
    return scene


def shuffled(scene: Scene, random: Random) -> Scene:
    """The same scene told in another order."""
    places = random.sample(sorted(scene), len(scene))
    return {place: random.sample(scene[place], len(scene[place])) for place in places}


def owner(room: str, plan: Mapping[str, int]) -> Split:
    """The split that a floor plan belongs to."""
    told = ",".join(f"{count} {kind}" for kind, count in sorted(plan.items()) if count)
    return _SHARES[zlib.crc32(f"{room}: {told}".encode()) % len(_SHARES)]


def _floor_plan(goal: Goal, split: Split, random: Random, pieces: range) -> dict[str, int]:
    furniture = ROOMS[goal.room].furniture
    while True:
        plan = {kind: random.randint(max(least, kind == goal.place), most) for kind, (least, most) in furniture.items()}
        if sum(plan.values()) in pieces and owner(goal.room, plan) == split:
            return plan


def _things(goal: Goal, random: Random) -> Iterator[str]:
    room = ROOMS[goal.room]
    for kind in room.things:
        count = goal.kind.count + random.randint(0, 1) if kind == goal.thing else random.choice((0, 0, 1, 2))
        yield from (f"{kind} {n}" for n in range(1, count + 1))
    yield from (f"{lamp} 1" for lamp in room.lamps if lamp == goal.place or random.random() < 0.3)


def _may_lie(thing: str, place: str, goal: Goal) -> bool:
    kind, furniture = kind_of(thing), kind_of(place)
    if kind in LAMPS:
        return furniture in LAMP_STANDS
    return kind in HOLDS[furniture] and (kind, furniture) != (goal.thing, goal.place)
