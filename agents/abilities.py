"""One call of an ability: a tool that memory offers, made of the environment's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from knowhow.agents.transcript import call_text
from knowhow.agents.types import Ability
from knowhow.environments.errors import EpisodeOver
from knowhow.environments.types import Environment, Feedback, Step, ToolCall

MOST_TOLD = 10
"""How many of the last calls of an ability that failed are told."""
LONGEST = 200
"""Characters of what the environment said after each of them."""


async def perform(ability: Ability, call: ToolCall, env: Environment, before: Feedback, limit: int) -> Step:
    """The step that the call comes to: its ``inner`` steps are what it did in the environment, at most ``limit``.

    The feedback says what the ability returned, then what the environment said last, with the inner steps' rewards
    together. An ability that fails says why; what it did until then stands, and the last of it is told, so that the
    agent knows where it is left. Raises: what the environment raises.
    """
    inner: list[Step] = []
    failed: list[Exception] = []

    async def act(made: ToolCall) -> Feedback:
        if len(inner) >= limit or failed or (inner and inner[-1].feedback.done):
            raise EpisodeOver("the episode has ended, or its steps are used up")
        try:
            feedback = await env.step(made)
        except Exception as error:
            failed.append(error)
            raise
        inner.append(Step(made, feedback))
        return feedback

    try:
        told = await ability.run(call.arguments, act, before)
    except Exception as error:
        told = "\n".join([f"{call.name} did not finish: {error}", *_trace(inner)])
    if failed:
        raise failed[0]
    last = inner[-1].feedback if inner else before
    observation = "\n".join(text for text in (told.strip(), last.observation) if text)
    reward = sum(step.feedback.reward for step in inner)
    return Step(call, replace(last, observation=observation, reward=reward), inner=tuple(inner))


def _trace(inner: Sequence[Step]) -> list[str]:
    """The last calls, with what was seen after each but the last, which is told whole anyway."""
    if not inner:
        return []
    told = [(f"> {call_text(step, step.feedback.commands)}", _short(step.feedback.observation)) for step in inner]
    lines = [line for pair in told[-MOST_TOLD:] for line in pair]
    return [f"It made {len(inner)} calls, the last of them:", *lines[:-1]]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
