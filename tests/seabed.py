"""A suite that nothing in Knowhow was written for: every command is possible all the time, and only what is seen says
which one leads on."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from knowhow.environments.text_world import TextSuite, TextWorld
from knowhow.environments.types import SPLITS, Split, Task

FINDS = ["amphora", "anchor", "bronze bell", "cannon", "iron chest", "sextant"]
WIDTH = 9


class Seabed(TextSuite):
    """Glide along the bottom until the find is below, then lower the hook; elsewhere that is the end."""

    name = "seabed"
    description = "Bring up what lies on the bottom of the sea."
    licence = "Apache-2.0"
    source = "made for a test"
    max_steps = 30

    def tasks(self, split: Split) -> Sequence[Task]:
        numbers = range(SPLITS.index(split), 180, len(SPLITS))
        return [Task(f"dive {n}", self.name, split, "dive", f"bring up the {FINDS[n // 3 % 6]}") for n in numbers]

    def world(self, task: Task, *, seed: int) -> Dive:
        return Dive(task.goal.removeprefix("bring up the "), Random(f"{task.id}/{seed}"))


class Dive(TextWorld):
    def __init__(self, find: str, random: Random) -> None:
        self.find = find
        self.other = random.choice([other for other in FINDS if other != find])
        self.here, self.at, self.other_at = random.sample(range(WIDTH), 3)

    def begin(self) -> str:
        return self._seen()

    def commands(self) -> list[str]:
        return ["glide to port", "glide to starboard", "lower the hook", "wait"]

    def do(self, command: str) -> tuple[str, float, bool]:
        if command == "lower the hook":
            return "The hook comes up.", float(self.here == self.at), True
        step = {"glide to port": -1, "glide to starboard": 1}.get(command, 0)
        self.here = min(WIDTH - 1, max(0, self.here + step))
        return self._seen(), 0.0, False

    def _seen(self) -> str:
        return f"{self._lies(self.find, self.at)} {self._lies(self.other, self.other_at)}"

    def _lies(self, what: str, at: int) -> str:
        far = at - self.here
        where = f"{abs(far)} fathoms to {'starboard' if far > 0 else 'port'}" if far else "right below you"
        return f"There is a {what} {where}."
