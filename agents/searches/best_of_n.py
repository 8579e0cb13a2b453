"""Best-of-n: several attempts with different seeds, the best one counts.

Where the suite shows its reward, that decides. Where it does not, a judge reads the attempts; it never sees a label.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from knowhow.agents.guidance import Guidance, corrects
from knowhow.agents.judge import judge_of, judged
from knowhow.agents.seeds import child_seed
from knowhow.agents.types import Attempt, Decider, Start
from knowhow.environments.discover import at_least
from knowhow.environments.types import Task, Trajectory


@corrects(Guidance.EXTERNAL, shown=Guidance.ORACLE)
def best_of_n(attempt: Attempt, ask: Decider, *, n: int = 4, judge: str = "overall") -> Attempt:
    """``n`` attempts at once, judged by one of ``agents/judges``; of equally good ones the first.

    Its score is the confidence ``judged``.
    """
    at_least(1, n=n)
    by = judge_of(judge, ask)

    async def best(task: Task, start: Start) -> Trajectory:
        starts = [replace(start, seed=child_seed(start.seed, number)) for number in range(n)]
        tried = await asyncio.gather(*(attempt(task, one) for one in starts))
        rewards = [trajectory.reward for trajectory in tried]
        if None not in rewards:
            return max(tried, key=lambda trajectory: trajectory.reward or 0.0)
        verdict = await judged(by, task, tried, seed=start.seed)
        best = tried[verdict.best]
        return replace(best, confidence={**best.confidence, "judged": verdict.score})

    return best
