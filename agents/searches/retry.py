"""Reflexion: after a failed attempt the agent reflects in words, and tries again with its reflections in view (arXiv
2303.11366).

Where the suite shows its reward, an attempt has failed below full reward. Where it does not, the agent judges itself.
"""

from __future__ import annotations

from dataclasses import replace

from langchain_core.messages import HumanMessage

from knowhow.agents.guidance import Guidance, corrects
from knowhow.agents.judge import Judge, judge_of, judged
from knowhow.agents.prompt import render
from knowhow.agents.seeds import child_seed
from knowhow.agents.transcript import transcript
from knowhow.agents.types import Attempt, Decider, Start, Turn
from knowhow.environments.discover import at_least
from knowhow.environments.types import StopReason, Task, Trajectory


@corrects(Guidance.EXTERNAL, shown=Guidance.ORACLE)
def retry(attempt: Attempt, ask: Decider, *, n: int = 3, memory: int = 3, judge: str = "overall") -> Attempt:
    """At most ``n`` attempts, each seeing the last ``memory`` reflections; the last attempt counts.

    ``judge``: one of ``agents/judges``.
    """
    at_least(1, n=n, memory=memory)
    by = judge_of(judge, ask)

    async def retried(task: Task, start: Start) -> Trajectory:
        reflections: list[str] = [start.hint] if start.hint else []
        for number in range(n):
            hint = "\n".join(reflections[-memory:])
            tried = await attempt(task, replace(start, seed=child_seed(start.seed, number), hint=hint))
            if (
                number == n - 1
                or tried.stop in (StopReason.BUDGET, StopReason.ERROR)
                or await _achieved(by, task, tried)
            ):
                break
            reflections.append(await _reflect(ask, tried))
        return tried

    return retried


async def _achieved(by: Judge, task: Task, tried: Trajectory) -> bool:
    if tried.reward is not None:
        return tried.success
    return (await judged(by, task, [tried], seed=tried.seed)).achieved


async def _reflect(ask: Decider, tried: Trajectory) -> str:
    outcome = "" if tried.reward is None else f" with a reward of {tried.reward:g} of 1"
    prompt = render("retry", outcome=outcome, goal=tried.task.goal, transcript=transcript(tried))
    return (await ask(Turn((HumanMessage(prompt),), seed=tried.seed))).text.strip()
