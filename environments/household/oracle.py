"""The shortest errand that reaches a goal, for one who knows where everything lies."""

from __future__ import annotations

from knowhow.environments.household.goals import Goal
from knowhow.environments.household.rooms import APPLIANCE, OPENABLE, kind_of
from knowhow.environments.household.scene import Scene


def plan(scene: Scene, goal: Goal) -> list[str]:
    """Commands that reach the goal from the start: fetch, treat, and bring or switch on."""
    errand = _Errand()
    found = [(thing, place) for place in sorted(scene) for thing in scene[place] if kind_of(thing) == goal.thing]
    for thing, place in sorted(found)[: goal.kind.count]:
        errand.visit(place, inside=True)
        errand.commands.append(f"take {thing} from {place}")
        if goal.kind.lamp:
            lamp = f"{goal.place} 1"
            errand.visit(next(stand for stand, things in scene.items() if lamp in things))
            errand.commands.append(f"use {lamp}")
        else:
            _deliver(errand, thing, goal)
    return errand.commands


def _deliver(errand: _Errand, thing: str, goal: Goal) -> None:
    if goal.kind.treatment:
        appliance = f"{APPLIANCE[goal.kind.treatment]} 1"
        errand.visit(appliance)
        errand.commands.append(f"{goal.kind.treatment} {thing} with {appliance}")
    errand.visit(f"{goal.place} 1", inside=True)
    errand.commands.append(f"move {thing} to {goal.place} 1")


class _Errand:
    """Commands so far; ``visit`` adds no step to where it is, and opens what is still closed only to get inside."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self._at = ""
        self._opened: set[str] = set()

    def visit(self, place: str, *, inside: bool = False) -> None:
        if place != self._at:
            self.commands.append(f"go to {place}")
            self._at = place
        if inside and kind_of(place) in OPENABLE and place not in self._opened:
            self.commands.append(f"open {place}")
            self._opened.add(place)
