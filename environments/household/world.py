"""The text world of a household: ALFWorld's commands and answers over a scene.

Texts and rules are those of ALFWorld's ``alfred.twl2`` and ``alfred.pddl`` (MIT), without slicing and without things
inside things.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from knowhow.environments.household.goals import Goal
from knowhow.environments.household.rooms import APPLIANCE, HOLDS, LAMPS, OPENABLE, TREATABLE, kind_of
from knowhow.environments.household.scene import Scene
from knowhow.environments.text_world import TextWorld

Action = Callable[[], str]

HELP = """Available commands:
  look:                             look around your current location
  inventory:                        check your current inventory
  go to (receptacle):               move to a receptacle
  open (receptacle):                open a receptacle
  close (receptacle):               close a receptacle
  take (object) from (receptacle):  take an object from a receptacle
  move (object) to (receptacle):    place an object in or on a receptacle
  examine (something):              examine a receptacle or an object
  use (object):                     use an object
  heat (object) with (receptacle):  heat an object using a receptacle
  clean (object) with (receptacle): clean an object using a receptacle
  cool (object) with (receptacle):  cool an object using a receptacle"""

_CANCELS = {"heat": {"cool"}, "cool": {"heat"}}
_LOOKS = {
    frozenset({"clean", "heat"}): "hot and clean",
    frozenset({"clean", "cool"}): "cool and clean",
    frozenset({"clean"}): "clean",
    frozenset({"heat"}): "hot",
    frozenset({"cool"}): "cold",
}


class World(TextWorld):
    """One room. What the agent holds is nowhere else; it holds one thing at most.

    ``at`` and ``held`` are empty for the middle of the room and for empty hands; ``treated`` says what was done to each
    thing.
    """

    def __init__(self, scene: Scene, goal: Goal, sentence: str) -> None:
        self.contents = {place: list(things) for place, things in scene.items()}
        self.at = ""
        self.held = ""
        self.opened: set[str] = set()
        self.lit: set[str] = set()
        self.treated: dict[str, frozenset[str]] = {}
        self._goal = goal
        self._sentence = sentence
        self._targets = [things for place, things in self.contents.items() if kind_of(place) == goal.place]
        self._ways: dict[str, Action] = {f"go to {place}": partial(self._go, place) for place in sorted(scene)}

    def begin(self) -> str:
        return f"{self._look()}\n\nYour task is to: {self._sentence}."

    def commands(self) -> Sequence[str]:
        return sorted(self._actions())

    def do(self, command: str) -> tuple[str, float, bool]:
        observation = self._actions()[command]()
        solved = self.solved()
        return observation, float(solved), solved

    def solved(self) -> bool:
        """Is the goal reached, as ALFWorld's PDDL goals say?

        Light: such a thing is in the hand, at a lamp of that kind that was switched on. Else: enough of the things,
        treated as asked, are in one place of that kind.
        """
        goal = self._goal
        if goal.kind.lamp:
            here = self.contents[self.at] if self.at and self.held and kind_of(self.held) == goal.thing else ()
            return any(thing in self.lit and kind_of(thing) == goal.place for thing in here)
        return any(sum(map(self._counts, things)) >= goal.kind.count for things in self._targets)

    def _counts(self, thing: str) -> bool:
        wanted = self._goal.kind.treatment
        return kind_of(thing) == self._goal.thing and (not wanted or wanted in self.treated.get(thing, ()))

    def _actions(self) -> dict[str, Action]:
        """Everything that can be done now, by its command."""
        actions: dict[str, Action] = {**self._ways, "help": _help, "inventory": self._inventory, "look": self._look}
        if self.held:
            actions[f"examine {self.held}"] = self._examine_held
        if self.at:
            del actions[f"go to {self.at}"]
            self._add_actions_here(actions, self.at, kind_of(self.at))
        return actions

    def _add_actions_here(self, actions: dict[str, Action], place: str, kind: str) -> None:
        actions[f"examine {place}"] = partial(self._describe, place)
        if place in self.opened:
            actions[f"close {place}"] = self._close
        elif kind in OPENABLE:
            actions[f"open {place}"] = self._open
        if self.held:
            self._add_actions_held(actions, place, kind, kind_of(self.held))
        elif self._reachable(place, kind):
            things = (thing for thing in self.contents[place] if kind_of(thing) not in LAMPS)
            actions.update((f"take {thing} from {place}", partial(self._take, thing)) for thing in things)
        lamps = (thing for thing in self.contents[place] if kind_of(thing) in LAMPS)
        actions.update((f"use {lamp}", partial(self._use, lamp)) for lamp in lamps)

    def _add_actions_held(self, actions: dict[str, Action], place: str, kind: str, held: str) -> None:
        if held in HOLDS[kind] and self._reachable(place, kind):
            actions[f"move {self.held} to {place}"] = self._move
        for treatment, appliance in APPLIANCE.items():
            if kind == appliance and held in TREATABLE[treatment]:
                actions[f"{treatment} {self.held} with {place}"] = partial(self._treat, treatment)

    def _reachable(self, place: str, kind: str) -> bool:
        return kind not in OPENABLE or place in self.opened

    def _go(self, place: str) -> str:
        self.at = place
        return f"You arrive at {place}. {self._describe(place)}"

    def _open(self) -> str:
        self.opened.add(self.at)
        return f"You open the {self.at}. {self._describe(self.at)}"

    def _close(self) -> str:
        self.opened.remove(self.at)
        return f"You close the {self.at}."

    def _take(self, thing: str) -> str:
        self.contents[self.at].remove(thing)
        self.held = thing
        return f"You pick up the {thing} from the {self.at}."

    def _move(self) -> str:
        thing, self.held = self.held, ""
        self.contents[self.at].append(thing)
        return f"You move the {thing} to the {self.at}."

    def _treat(self, treatment: str) -> str:
        before = self.treated.get(self.held, frozenset())
        self.treated[self.held] = (before - _CANCELS.get(treatment, set())) | {treatment}
        return f"You {treatment} the {self.held} using the {self.at}."

    def _use(self, lamp: str) -> str:
        # ALFWorld's goal asks that a lamp was toggled, and its text never says "off": a lamp that was used stays on.
        self.lit.add(lamp)
        return f"You turn on the {lamp}."

    def _look(self) -> str:
        if self.at:
            return f"You are facing the {self.at}. Next to it, you see nothing."
        return f"You are in the middle of a room. Looking quickly around you, you see {_listed(self.contents)}."

    def _inventory(self) -> str:
        return f"You are carrying: a {self.held}." if self.held else "You are not carrying anything."

    def _describe(self, place: str) -> str:
        if place in self.opened:
            return f"The {place} is open. In it, you see {_listed(self.contents[place])}."
        if kind_of(place) in OPENABLE:
            return f"The {place} is closed."
        return f"On the {place}, you see {_listed(self.contents[place])}."

    def _examine_held(self) -> str:
        state = self.treated.get(self.held)
        return f"This is a {_LOOKS[state]} {self.held}." if state else f"There's nothing special about {self.held}."


def _help() -> str:
    return HELP


def _listed(names: Iterable[str]) -> str:
    """As the engine lists: "nothing", "a mug 1", "a egg 1, and a mug 1", "a cup 1, a egg 1, and a mug 1"."""
    *others, last = [f"a {name}" for name in names] or ["nothing"]
    return f"{', '.join(others)}, and {last}" if others else last
