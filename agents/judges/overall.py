"""One question about all attempts at once: which one most likely did what the task asks, and did it?"""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import HumanMessage

from knowhow.agents.judge import Judge, Verdict
from knowhow.agents.prompt import render
from knowhow.agents.replies import read_json
from knowhow.agents.types import Decider, Turn


def overall(ask: Decider) -> Judge:
    """One call a verdict; an unreadable or impossible one means the first attempt, not achieved."""

    async def judge(goal: str, attempts: Sequence[str], *, seed: int = 0) -> Verdict:
        listed = "\n\n".join(f"# Attempt {number}\n{attempt}" for number, attempt in enumerate(attempts, 1))
        reply = await ask(Turn((HumanMessage(render("overall", goal=goal, attempts=listed)),), seed=seed))
        said = read_json(reply.text) or {}
        best, achieved = said.get("best"), said.get("achieved") is True
        if not isinstance(best, int) or not 1 <= best <= len(attempts):
            return Verdict(0, False, 0.0, undecided=True)
        return Verdict(best - 1, achieved, float(achieved))

    return judge
