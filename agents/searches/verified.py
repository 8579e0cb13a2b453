"""Best-of-n by a trained verifier: several attempts in the same world, the likeliest counts (V-STaR, arXiv 2402.06457).

``knowhow train RUN --recipe verifier`` makes the verifier. It never sees a reward.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from knowhow.agents.guidance import Guidance, corrects
from knowhow.agents.model import load_model
from knowhow.agents.types import Attempt, Decider, Start
from knowhow.agents.verifying import likelihood
from knowhow.environments.discover import at_least
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Task, Trajectory


@corrects(Guidance.EXTERNAL)
def verified(attempt: Attempt, ask: Decider, *, by: str = "", n: int = 8) -> Attempt:
    """``n`` attempts at once, judged by the model of the URI ``by``, ``hf:PATH@ADAPTER``; of equally likely ones the
    first. What the verifier says of it is the confidence ``verified``."""
    at_least(1, n=n)
    if not by:
        raise BadSetting("verified needs a verifier: verified(by='hf:PATH@ADAPTER')")
    verifier = load_model(by, meter=getattr(ask, "meter", None))

    async def best(task: Task, start: Start) -> Trajectory:
        starts = [replace(start, attempt=n * start.attempt + number) for number in range(n)]
        tried = await asyncio.gather(*(attempt(task, one) for one in starts))
        scores = await asyncio.gather(*(likelihood(verifier, one) for one in tried))
        best = max(range(n), key=lambda number: scores[number])
        return replace(tried[best], confidence={**tried[best].confidence, "verified": scores[best]})

    return best
