"""A suite that nothing in Knowhow was written for: several tools, calls listed as calls, and goals that quote names and
speak of several things."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

from knowhow.environments.calls import render_call, tool
from knowhow.environments.episode import Episode
from knowhow.environments.types import SPLITS, Environment, Feedback, Split, Suite, Task, ToolCall

PAPERS = ["deed", "map", "letter", "chart"]
OWNERS = ["Marla Tesk", "Orwin Loom", "Brisa Quint", "Edda Halvard", "Jost Wren"]
PULL = tool("pull", "Pull out a drawer.", drawer="What it holds, and whose that is.")
LEND = tool("lend", "Lend what was pulled out last.")


class Archive(Suite):
    """Pull out the one drawer that the goal speaks of, and lend what is in it."""

    name = "archive"
    description = "Lend papers to readers."
    licence = "Apache-2.0"
    source = "made for a test"
    max_steps = 6

    def tasks(self, split: Split) -> Sequence[Task]:
        pairs = [(paper, owner) for paper in PAPERS for owner in OWNERS for _ in range(6)]
        Random(0).shuffle(pairs)
        share = pairs[SPLITS.index(split) :: len(SPLITS)]
        return [
            Task(f"{split}-{n}", self.name, split, "lend", f'Lend the {paper}s of "{owner}".')
            for n, (paper, owner) in enumerate(share)
        ]

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        yield Desk(task.goal)


class Desk(Episode):
    def __init__(self, goal: str) -> None:
        super().__init__(PULL, LEND)
        self._goal, self._pulled = goal, ""

    async def begin(self) -> Feedback:
        return Feedback("Drawers, as far as the eye can see.", commands=self._offered())

    async def answer(self, call: ToolCall) -> Feedback:
        if call.name == "pull":
            self._pulled = call.arguments["drawer"]
            return Feedback("It is full.", commands=self._offered())
        paper, _, owner = self._pulled.partition(", ")
        right = bool(owner) and f"{paper}s" in self._goal and owner in self._goal
        return Feedback("The reader leaves.", float(right), terminated=True, commands=())

    def _offered(self) -> tuple[str, ...]:
        drawers = [ToolCall("pull", {"drawer": f"{paper}, {owner}"}) for paper in PAPERS for owner in OWNERS]
        return tuple(render_call(call) for call in (*drawers, ToolCall("lend")))
