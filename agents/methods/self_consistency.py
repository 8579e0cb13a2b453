"""Self-consistency over actions: several samples of one decision, the most frequent call wins (arXiv 2203.11171)."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

from langchain_core.messages import AIMessage

from knowhow.agents.confidence import with_confidence
from knowhow.agents.guidance import Guidance, corrects
from knowhow.agents.seeds import child_seed
from knowhow.agents.types import Decider, Turn
from knowhow.environments.calls import render_call
from knowhow.environments.discover import at_least
from knowhow.environments.types import ToolCall


@corrects(Guidance.INTRINSIC)
def self_consistency(decide: Decider, *, n: int = 5, temperature: float = 0.7) -> Decider:
    """``n`` samples at ``temperature``, asked at once; of equally frequent calls the one sampled first wins.

    Its share of the votes is the decision's confidence, ``votes``.
    """
    at_least(1, n=n)

    async def voted(turn: Turn) -> AIMessage:
        turns = [replace(turn, seed=child_seed(turn.seed, number), temperature=temperature) for number in range(n)]
        replies = await asyncio.gather(*map(decide, turns))
        (winner, votes), *_ = Counter(map(_vote, replies)).most_common(1)
        return with_confidence(next(reply for reply in replies if _vote(reply) == winner), votes=votes / n)

    return voted


def _vote(reply: AIMessage) -> str:
    if not reply.tool_calls:
        return reply.text.strip()
    call = reply.tool_calls[0]
    return render_call(ToolCall(call["name"], dict(sorted(call["args"].items()))))
