"""Agents that need no model: one follows the oracle, one leaves in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage

from knowhow.agents.rollout import Job
from knowhow.agents.types import Decider, Turn
from knowhow.environments.errors import EngineFailed
from knowhow.environments.types import Suite, ToolCall
from knowhow.environments.worker import ENGINE_TRIES

NOTHING_TO_DO = AIMessage("I have nothing more to do.")


async def oracle_calls(suite: Suite, job: Job) -> Sequence[ToolCall] | None:
    """What the oracle would do, None where the suite has no oracle; asked again where an engine fails.

    It may block, and so has a thread of its own. Raises: whatever it raises at last.
    """
    for _ in range(ENGINE_TRIES):
        try:
            return await asyncio.to_thread(suite.oracle, job.task, seed=job.seed)
        except EngineFailed as error:
            failed = error
    raise failed


def following(calls: Sequence[ToolCall]) -> Decider:
    """Makes these calls, one after the other, then none."""

    async def decide(turn: Turn) -> AIMessage:
        made = replies(turn.messages)
        if made >= len(calls):
            return NOTHING_TO_DO
        call = {"name": calls[made].name, "args": dict(calls[made].arguments), "id": f"call-{made}"}
        return AIMessage("", tool_calls=[call])

    return decide


def leaving(decide: Decider, after: int) -> Decider:
    """Decides like ``decide`` until so many replies were given, then makes no call any more."""

    async def until(turn: Turn) -> AIMessage:
        return await decide(turn) if replies(turn.messages) < after else NOTHING_TO_DO

    return until


def replies(messages: Sequence[BaseMessage]) -> int:
    return sum(isinstance(message, AIMessage) for message in messages)
