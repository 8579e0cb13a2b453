"""A suite that nothing in Knowhow was written for: wagons, levers, a dispatcher. Learning must work here as it is."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from knowhow.environments.text_world import TextSuite, TextWorld
from knowhow.environments.types import SPLITS, Split, Task, ToolCall

CARGO = ["coal", "timber", "wool", "grain", "steel", "copper", "sugar", "cotton", "marble", "paper", "salt", "glass"]
TOWNS = ["leeds", "york", "derby", "crewe", "bath", "truro", "luton", "ripon"]
PLACES = ("yard", "tower", "office", "platform")
WORDINGS = ("send the {cargo} wagon to {town}", "deliver {cargo} by rail to {town}")


class Railway(TextSuite):
    """Couple the wagon in the yard, stamp the town's ticket in the office, set its lever in the tower, dispatch at the
    platform."""

    name = "railway"
    description = "Send wagons to towns."
    licence = "Apache-2.0"
    source = "made for a test"
    max_steps = 30

    def tasks(self, split: Split) -> Sequence[Task]:
        pairs = [(cargo, town) for cargo in CARGO for town in TOWNS]
        Random(0).shuffle(pairs)
        share = pairs[SPLITS.index(split) :: len(SPLITS)]
        wordings = [wording.format(cargo=cargo, town=town) for cargo, town in share for wording in WORDINGS]
        return [Task(f"{split}-{number}", self.name, split, "send", goal) for number, goal in enumerate(wordings)]

    def world(self, task: Task, *, seed: int) -> Junction:
        words = task.goal.split()
        cargo = next(word for word in words if word in CARGO)
        return Junction(cargo, words[-1], Random(f"{task.id}/{seed}"))

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall]:
        world = self.world(task, seed=seed)
        commands = [
            "walk to yard", f"couple {world.cargo} wagon", "walk to office", f"stamp {world.town} ticket",
            "walk to tower", f"pull {world.town} lever", "walk to platform", "dispatch the train",
        ]  # fmt: skip
        return [ToolCall("act", {"command": command}) for command in commands]


class Junction(TextWorld):
    def __init__(self, cargo: str, town: str, random: Random) -> None:
        self.cargo, self.town = cargo, town
        self.here = "hall"
        self.coupled = self.lever = self.ticket = ""
        self.wagons = sorted({cargo, *random.sample(CARGO, 5)})
        self.towns = sorted({town, *random.sample(TOWNS, 4)})

    def begin(self) -> str:
        return f"You are in the hall. Paths lead to the {', the '.join(PLACES)}."

    def commands(self) -> list[str]:
        walks = [f"walk to {place}" for place in PLACES if place != self.here]
        offered = {
            "yard": [f"couple {cargo} wagon" for cargo in self.wagons],
            "office": [f"stamp {town} ticket" for town in self.towns],
            "tower": [f"pull {town} lever" for town in self.towns],
            "platform": ["dispatch the train"] if self.coupled and self.ticket and self.lever else [],
        }
        return [*walks, *offered.get(self.here, []), "read the timetable"]

    def do(self, command: str) -> tuple[str, float, bool]:
        verb, *words = command.split()
        if verb == "walk":
            self.here = words[-1]
            return f"You are at the {self.here}.", 0.0, False
        if verb == "couple":
            self.coupled = words[0]
            return f"The {words[0]} wagon is coupled.", 0.0, False
        if verb == "stamp":
            self.ticket = words[0]
            return f"A ticket to {words[0]} is stamped.", 0.0, False
        if verb == "pull":
            self.lever = words[0]
            return f"The points lie for {words[0]}.", 0.0, False
        if verb == "read":
            return "Trains leave when they are dispatched.", 0.0, False
        right = (self.coupled, self.ticket, self.lever) == (self.cargo, self.town, self.town)
        return "The train leaves.", float(right), True
