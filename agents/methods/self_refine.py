"""Self-Refine: the same model drafts, criticises and rewrites until it says stop (arXiv 2303.17651)."""

from __future__ import annotations

from dataclasses import replace

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from knowhow.agents.guidance import Guidance, corrects
from knowhow.agents.prompt import render
from knowhow.agents.types import Decider, Turn
from knowhow.environments.discover import at_least

STOP = "STOP"


@corrects(Guidance.INTRINSIC)
def self_refine(decide: Decider, *, rounds: int = 2) -> Decider:
    """At most ``rounds`` critiques of each decision; each costs one call, and one more for the rewrite unless it says
    STOP."""
    at_least(0, rounds=rounds)

    async def refined(turn: Turn) -> AIMessage:
        reply = await decide(turn)
        for _ in range(rounds):
            asked = (*turn.messages, *_unexecuted(reply), HumanMessage(render("critique")))
            critique = await decide(replace(turn, messages=asked, calls=False))
            if critique.text.strip().rstrip(".").upper() == STOP:
                break
            reply = await decide(replace(turn, messages=(*asked, critique, HumanMessage(render("revise")))))
        return reply

    return refined


def _unexecuted(reply: AIMessage) -> tuple[BaseMessage, ...]:
    """The draft as chat history: a provider wants every call answered, also one that is still being weighed."""
    made = (*reply.tool_calls, *reply.invalid_tool_calls)
    return reply, *(ToolMessage("Not executed yet.", tool_call_id=call.get("id") or "") for call in made)
