"""Training tasks made to a description: which kinds, rooms, things and places, how large and how full the rooms are.

A description is plain data that anybody may have written, a model say. A task's id holds all that was drawn for it, so
that it can be built again from that alone. Goals and floor plans are those of the training split.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from knowhow.environments.errors import BadSetting, UnknownName
from knowhow.environments.household.goals import KINDS, Goal, goals
from knowhow.environments.household.rooms import ROOMS
from knowhow.environments.household.scene import PIECES, Scene, draw_scene

PREFIX = "train-made"
_NARROWEST, _FEWEST = 2, 10
"""Some floor plan of the training split fits every room so: at least this much between the least and the most pieces,
and no fewer pieces at most."""

GUIDE = f"""\
All parts may be left out.
- "kinds": how much weight each kind of task gets, from 0 to 100: {", ".join(f'"{kind.name}"' for kind in KINDS)}.
- "rooms": some of {", ".join(f'"{room}"' for room in ROOMS)}.
- "things": the only kinds of thing that tasks ask for, such as "mug".
- "places": the only kinds of furniture, or of lamp, that things shall be brought to, such as "shelf".
- "pieces": [least, most] pieces of furniture in the room, from {PIECES[0]} to {PIECES[-1]}, most at least {_FEWEST} and
  {_NARROWEST} over least. More take longer to search.
- "clutter": how much else lies around, from 0 to 1 (as usual).
Example: {{"kinds": {{"put": 1, "light": 3}}, "rooms": ["bedroom"], "pieces": [8, 10], "clutter": 0.5}}"""


@dataclass(frozen=True, slots=True)
class Design:
    """A description that was checked: the goals of each kind that it allows, with the kinds' weights."""

    goals: Mapping[str, Sequence[Goal]]
    weights: Mapping[str, float]
    pieces: tuple[int, int]
    clutter: float


def read_design(data: Mapping[str, Any]) -> Design:
    """Raises: BadSetting that names the part at fault and what it may be."""
    if not isinstance(data, Mapping):
        raise BadSetting(f"{data!r} is no description; write an object of named parts")
    _known("part", data, ("kinds", "rooms", "things", "places", "pieces", "clutter"))
    weights = _weights(data.get("kinds", {kind.name: 1 for kind in KINDS}))
    rooms = _names("rooms", data, list(ROOMS))
    things = _names("things", data, sorted({thing for room in ROOMS.values() for thing in room.things}))
    places = _names("places", data, sorted({p for room in ROOMS.values() for p in (*room.furniture, *room.lamps)}))
    allowed = {
        kind.name: [g for g in goals(kind, "train") if g.room in rooms and g.thing in things and g.place in places]
        for kind in KINDS
        if kind.name in weights
    }
    for kind, found in allowed.items():
        if not found:
            raise BadSetting(f"there is no task of the kind {kind!r} with these rooms, things and places: {dict(data)}")
    return Design(allowed, weights, _pieces(data.get("pieces", [PIECES[0], PIECES[-1]])), _clutter(data))


def draw_ids(design: Design, count: int, random: Random) -> list[str]:
    """So many ids of tasks made to a description."""
    kinds = random.choices(list(design.weights), list(design.weights.values()), k=count)
    return [_id(random.choice(design.goals[kind]), design.pieces, design.clutter, random) for kind in kinds]


def variant_ids(goal: Goal, count: int, random: Random) -> list[str]:
    """So many ids of tasks with this goal, in other rooms of its kind."""
    return [_id(goal, (PIECES[0], PIECES[-1]), 1.0, random) for _ in range(count)]


def made(id: str, edition: str) -> tuple[Goal, str, Scene]:
    """The goal, its sentence and the scene that an id stands for. Raises: UnknownName where no task has it."""
    try:
        _, kind, room, thing, place, least, most, clutter, _ = id.split("/")
        (goal,) = (
            goal
            for one in KINDS
            if one.name == kind
            for goal in goals(one, "train")
            if (goal.room, goal.thing, goal.place) == (room, thing, place)
        )
        pieces, full = _pieces([int(least), int(most)]), _clutter({"clutter": int(clutter) / 100})
    except ValueError:  # a BadSetting is one as well
        raise UnknownName(f"household has no made task {id!r}") from None
    random = Random(f"{edition}/{id}")
    sentence = random.choice(goal.kind.templates).format(thing=goal.thing, place=goal.place)
    return goal, sentence, draw_scene(goal, "train", random, range(pieces[0], pieces[1] + 1), full)


def _id(goal: Goal, pieces: tuple[int, int], clutter: float, random: Random) -> str:
    parts = (goal.kind.name, goal.room, goal.thing, goal.place, *pieces, round(100 * clutter), random.randrange(10**6))
    return "/".join(map(str, (PREFIX, *parts)))


def _known(what: str, given: Any, known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
            raise BadSetting(f"there is no {what} {name!r}; {hint}")


def _weights(given: Any) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise BadSetting(f'"kinds" is {given!r}; write a weight for each kind, as in {{"heat": 2}}')
    _known("kind of task", given, [kind.name for kind in KINDS])
    for kind, weight in given.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 100:
            raise BadSetting(f"the weight {weight!r} of {kind!r} is no number from 0 to 100")
    weights = {kind: float(weight) for kind, weight in given.items() if weight}
    if not weights:
        raise BadSetting('"kinds" gives no kind any weight')
    return weights


def _names(part: str, data: Mapping[str, Any], known: Sequence[str]) -> Sequence[str]:
    given = data.get(part, known)
    if not isinstance(given, list) or not given:
        raise BadSetting(f'"{part}" is {given!r}; write a list of names, or leave it out')
    _known(part.removesuffix("s"), given, known)
    return given


def _pieces(given: Any) -> tuple[int, int]:
    whole = isinstance(given, list) and len(given) == 2 and all(type(number) is int for number in given)
    fits = whole and given[0] in PIECES and given[1] in PIECES and given[1] >= max(_FEWEST, given[0] + _NARROWEST)
    if not fits:
        raise BadSetting(
            f'"pieces" is {given!r}; write [least, most] from {PIECES[0]} to {PIECES[-1]}, most at least {_FEWEST} and '
            f"{_NARROWEST} over least"
        )
    return given[0], given[1]


def _clutter(data: Mapping[str, Any]) -> float:
    given = data.get("clutter", 1.0)
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
        raise BadSetting(f'"clutter" is {given!r}; write a number from 0 to 1')
    return float(given)
