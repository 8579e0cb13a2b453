"""A model judges attempts without labels: which one most likely did what the task asks, and whether it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import HumanMessage

from knowhow.agents.prompt import render
from knowhow.agents.replies import read_json
from knowhow.agents.transcript import transcript
from knowhow.agents.types import Decider, Turn
from knowhow.environments.types import Task, Trajectory


@dataclass(frozen=True, slots=True)
class Verdict:
    """``best`` is an index into the attempts; ``achieved`` whether that one is believed to have done the task."""

    best: int
    achieved: bool


async def judge(ask: Decider, task: Task, attempts: Sequence[Trajectory], *, seed: int = 0) -> Verdict:
    """The model's verdict; an unreadable or impossible one means the first attempt, not achieved."""
    listed = "\n\n".join(f"# Attempt {number}\n{transcript(one)}" for number, one in enumerate(attempts, 1))
    reply = await ask(Turn((HumanMessage(render("judge", goal=task.goal, attempts=listed)),), seed=seed))
    said = read_json(reply.text) or {}
    best = said.get("best")
    if not isinstance(best, int) or not 1 <= best <= len(attempts):
        return Verdict(0, False)
    return Verdict(best - 1, said.get("achieved") is True)
