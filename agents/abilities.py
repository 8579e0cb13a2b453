"""One call of an ability: a tool that memory offers, made of the environment's own."""

from __future__ import annotations

from dataclasses import replace

from knowhow.agents.types import Ability
from knowhow.environments.errors import EpisodeOver
from knowhow.environments.types import Environment, Feedback, Step, ToolCall


async def perform(ability: Ability, call: ToolCall, env: Environment, before: Feedback, limit: int) -> Step:
    """The step that the call comes to: its ``inner`` steps are what it did in the environment, at most ``limit``.

    The feedback says what the ability returned, then what the environment said last, with the inner steps' rewards
    together. An ability that fails says why, and what it did until then stands. Raises: what the environment raises.
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
        told = f"{call.name} did not finish: {error}"
    if failed:
        raise failed[0]
    last = inner[-1].feedback if inner else before
    observation = "\n".join(text for text in (told.strip(), last.observation) if text)
    reward = sum(step.feedback.reward for step in inner)
    return Step(call, replace(last, observation=observation, reward=reward), inner=tuple(inner))
