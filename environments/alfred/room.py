"""A furnished room for a goal, as a PDDL problem, and the commands that reach the goal in it.

Where each thing lies is drawn with the goal as the seed: first a kind of receptacle, then one of that kind, so that a
kitchen of 28 cabinets does not hide everything in them. What the goal is about never starts where it has to go.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from knowhow.environments.alfred import library
from knowhow.environments.alfred.goals import LAMP, LAMP_STANDS, UPSTREAM, WITH, Goal

_DOING = {"Cleanable": "cleanable", "Heatable": "heatable", "Coolable": "coolable", "Sliceable": "sliceable"}
# Named by the domain itself, so every problem has to declare them.
_THING_KINDS = {"Knife", "ButterKnife"}
_RECEPTACLE_KINDS = {"SinkBasin", "Microwave", "Fridge"}


@dataclass(frozen=True)
class Entity:
    """A receptacle or a thing: the ``number``-th of the ``count`` of its kind in the room."""

    kind: str
    number: int
    count: int

    @property
    def name(self) -> str:
        """What the engine calls it."""
        return f"{self.kind.lower()} {self.number}"

    @property
    def id(self) -> str:
        """Its name in PDDL. ALFWorld's ``Demangler`` gives the highest number to the id that is sorted first."""
        place = f"bar_{self.count + 1 - self.number:02d}"
        if self.kind.endswith("Basin"):
            return f"{self.kind.removesuffix('Basin')}_{place}_bar_{self.kind}"
        return f"{self.kind}_{place}"


@dataclass(frozen=True)
class Room:
    """What stands where: the receptacles, and for each thing the one that it lies in or on."""

    goal: Goal
    receptacles: tuple[Entity, ...]
    places: Mapping[Entity, Entity]

    def kinds(self, kind: str) -> list[Entity]:
        return [entity for entity in (*self.receptacles, *self.places) if entity.kind == kind]


def furnish(goal: Goal) -> Room:
    """The room of a goal, always the same: one or two of each thing of the floor, two of what "put two" is about."""
    floor, dice = library.floor(goal.scene), random.Random(goal.id)
    receptacles = [entity for kind, count in floor.receptacles.items() for entity in _row(kind, count)]
    places: dict[Entity, Entity] = {}
    for kind in floor.things:
        homes = _homes(kind, goal, floor)
        for thing in _row(kind, _count(kind, goal, dice)) if homes else ():
            home = dice.choice(homes)
            places[thing] = dice.choice([place for place in receptacles if place.kind == home])
    return Room(goal, tuple(receptacles), places)


def problem(room: Room) -> str:
    """The room and its goal as a PDDL problem of the domain ``alfred``."""
    places = {place: f"loc_bar_{at}" for at, place in enumerate(room.receptacles, 1)}
    thing_kinds, receptacle_kinds = {thing.kind for thing in room.places}, {place.kind for place in room.receptacles}
    goal = room.goal
    wanted = library.goals()[UPSTREAM[goal.kind]]["pddl"].replace("#", "-")  # it closes the definition, too
    return "\n".join(
        [
            f"(define (problem {goal.id})",
            "(:domain alfred)",
            "(:objects agent1 - agent",
            *(f"{thing.id} - object" for thing in room.places),
            *(f"{place.id} - receptacle" for place in room.receptacles),
            *(f"{where} - location" for where in ("loc_bar_0", *places.values())),
            *(f"{kind}Type - otype" for kind in sorted(thing_kinds | _THING_KINDS)),
            *(f"{kind}Type - rtype" for kind in sorted(receptacle_kinds | _RECEPTACLE_KINDS)),
            ")",
            "(:init (= (total-cost) 0) (atLocation agent1 loc_bar_0)",
            *(fact for place, where in places.items() for fact in _receptacle_facts(place, where)),
            *(fact for thing, place in room.places.items() for fact in _thing_facts(thing, place, places[place])),
            *(
                f"(canContain {place}Type {thing}Type)"
                for place in sorted(receptacle_kinds)
                for thing in sorted(thing_kinds)
                if library.holds(place, thing)
            ),
            ")",
            wanted.format(obj=goal.thing, recep=goal.target, toggle=goal.target),
        ]
    )


def walkthrough(room: Room) -> list[str]:
    """Commands that reach the goal, from where everything lies."""
    return list(_Walk(room).commands())


class _Walk:
    """Who walks through the room, where they are, and what they have opened."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._here: Entity | None = None
        self._opened: set[Entity] = set()

    def commands(self) -> Iterator[str]:
        goal = self._room.goal
        for thing in self._room.kinds(goal.thing)[: 2 if goal.kind == "put two" else 1]:
            home = self._room.places[thing]
            yield from self._reach(home)
            yield f"take {thing.name} from {home.name}"
            yield from self._light() if goal.kind == "light" else self._deliver(thing)

    def _light(self) -> Iterator[str]:
        lamp = self._room.kinds(LAMP)[0]
        yield from self._reach(self._room.places[lamp])
        yield f"use {lamp.name}"

    def _deliver(self, thing: Entity) -> Iterator[str]:
        goal = self._room.goal
        if goal.kind in WITH:
            tool = self._room.kinds(WITH[goal.kind][1])[0]
            yield from self._go(tool)
            yield f"{goal.kind} {thing.name} with {tool.name}"
        target = self._room.kinds(goal.target)[0]
        yield from self._reach(target)
        yield f"move {thing.name} to {target.name}"

    def _go(self, place: Entity) -> Iterator[str]:
        if place != self._here:
            self._here = place
            yield f"go to {place.name}"

    def _reach(self, place: Entity) -> Iterator[str]:
        yield from self._go(place)
        if _opens(place) and place not in self._opened:
            self._opened.add(place)
            yield f"open {place.name}"


def _row(kind: str, count: int) -> list[Entity]:
    return [Entity(kind, number, count) for number in range(1, count + 1)]


def _count(kind: str, goal: Goal, dice: random.Random) -> int:
    drawn = dice.randint(1, 2)
    if kind == LAMP:
        return 1
    return 2 if goal.kind == "put two" and kind == goal.thing else drawn


def _homes(kind: str, goal: Goal, floor: library.Floor) -> list[str]:
    """The kinds of receptacle on this floor that such a thing may lie in or on at the start."""
    if kind == LAMP:
        return [stand for stand in LAMP_STANDS if stand in floor.receptacles]
    away = goal.target if kind == goal.thing else ""
    return [place for place in floor.receptacles if library.holds(place, kind) and place != away]


def _opens(place: Entity) -> bool:
    return place.kind in library.constants()["OPENABLE_CLASS_SET"]


def _receptacle_facts(place: Entity, where: str) -> Iterator[str]:
    yield f"(receptacleType {place.id} {place.kind}Type)"
    yield f"(receptacleAtLocation {place.id} {where})"
    if _opens(place):
        yield f"(openable {place.id})"


def _thing_facts(thing: Entity, place: Entity, where: str) -> Iterator[str]:
    yield f"(objectType {thing.id} {thing.kind}Type)"
    yield f"(inReceptacle {thing.id} {place.id})"
    yield f"(objectAtLocation {thing.id} {where})"
    yield f"({'toggleable' if thing.kind == LAMP else 'pickupable'} {thing.id})"
    yield from (f"({predicate} {thing.id})" for action, predicate in _DOING.items() if library.can(action, thing.kind))
