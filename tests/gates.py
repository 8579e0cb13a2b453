"""Gates that open where they were oiled and then lifted, and now and then by luck: some successes teach nothing."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from knowhow.environments.text_world import TextSuite, TextWorld
from knowhow.environments.types import SPLITS, Split, Task

SHADES, HUES = ("pale", "dark", "deep", "dull", "warm"), ("red", "blue", "green", "grey")
COLOURS = [f"{shade} {hue}" for shade in SHADES for hue in HUES]
IDLE = ("ring", "kick", "paint", "praise")
LUCK = 0.3


class Gates(TextSuite):
    """Oil it, lift it, then push: one push."""

    name, description, licence, source = "gates", "Get through gates.", "Apache-2.0", "made for a test"
    max_steps = 10

    def tasks(self, split: Split) -> Sequence[Task]:
        yards = range(SPLITS.index(split), 120, len(SPLITS))
        return [Task(f"yard {n}", self.name, split, "gate", f"get through the {COLOURS[n % 20]} gate") for n in yards]

    def world(self, task: Task, *, seed: int) -> Gate:
        lucky = Random(f"{task.id}/{seed}").random() < LUCK
        return Gate(" ".join(task.goal.split()[-3:-1]), lucky)


class Gate(TextWorld):
    def __init__(self, colour: str, lucky: bool) -> None:
        self.colour, self.oiled, self.opens = colour, False, lucky

    def begin(self) -> str:
        return f"Before you is the {self.colour} gate."

    def commands(self) -> list[str]:
        return [f"{verb} {self.colour} gate" for verb in (*IDLE, "lift", "oil", "push")]

    def do(self, command: str) -> tuple[str, float, bool]:
        verb = command.split()[0]
        if verb == "push":
            return ("It opens.", 1.0, True) if self.opens else ("It sticks.", 0.0, True)
        self.opens = self.opens or (self.oiled and verb == "lift")
        self.oiled = self.oiled or verb == "oil"
        return "Fine.", 0.0, False
