"""Reflection over finished episodes: what one attempt teaches, asked of a model, in parallel over many attempts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessage, HumanMessage

from knowhow.agents.prompt import render
from knowhow.agents.replies import read_json
from knowhow.agents.transcript import transcript
from knowhow.agents.types import Decider, Turn
from knowhow.environments.types import StopReason, Trajectory

PACKAGE = "knowhow.memory"
TAGS = ("helpful", "harmful", "neutral")
_ENDED = {
    StopReason.MAX_STEPS: "the steps ran out",
    StopReason.TRUNCATED: "the environment cut it off",
    StopReason.NO_CALL: "the replies held no usable tool call",
    StopReason.TERMINATED: "the environment ended it",
}


@dataclass(frozen=True, slots=True)
class Reflection:
    """What the Reflector said of one trajectory (arXiv 2510.04618, section 3.1). ``tags``: bullet id to helpful,
    harmful or neutral."""

    trajectory: Trajectory
    reasoning: str
    error: str
    root_cause: str
    correct_approach: str
    key_insight: str
    tags: Mapping[str, str]


async def reflect_all(
    ask: Decider, trajectories: Sequence[Trajectory], bullets: Mapping[str, str], *, at_once: int = 8
) -> list[Reflection]:
    """One reflection a trajectory, in their order, ``at_once`` at a time; a trajectory whose reply cannot be read has
    none.

    ``bullets`` are the lessons by id, as the episodes saw them. A trajectory whose reward is None is reflected on
    label-free.
    """
    gate = asyncio.Semaphore(at_once)

    async def one(trajectory: Trajectory) -> Reflection | None:
        async with gate:
            return await reflect(ask, trajectory, bullets, _contrast(trajectory, trajectories))

    found = await asyncio.gather(*map(one, trajectories))
    return [reflection for reflection in found if reflection is not None]


async def reflect(
    ask: Decider, trajectory: Trajectory, bullets: Mapping[str, str], contrast: Trajectory | None = None
) -> Reflection | None:
    """The reflection on one trajectory beside one of the other outcome, or None where the model's replies cannot be
    read."""
    used = [f"[{id}] {bullets[id]}" for id in trajectory.cited if id in bullets]
    prompt = render(
        "reflect",
        PACKAGE,
        goal=trajectory.task.goal,
        outcome=outcome(trajectory),
        bullets="\n".join(used) or "None.",
        transcript=transcript(trajectory),
        contrast="" if contrast is None else _told(contrast),
    )
    said = await ask_json(ask, prompt, trajectory.seed)
    if said is None:
        return None
    tags = {str(tag.get("id")): str(tag.get("tag")) for tag in _dicts(said.get("bullet_tags"))}
    return Reflection(
        trajectory,
        reasoning=str(said.get("reasoning") or ""),
        error=str(said.get("error_identification") or ""),
        root_cause=str(said.get("root_cause") or ""),
        correct_approach=str(said.get("correct_approach") or ""),
        key_insight=str(said.get("key_insight") or ""),
        tags={id: tag for id, tag in tags.items() if id in trajectory.shown and tag in TAGS},
    )


async def ask_json(ask: Decider, prompt: str, seed: int) -> dict[str, object] | None:
    """The JSON object that a prompt asks for; one more try where the first reply holds none, then None."""
    messages: tuple[HumanMessage | AIMessage, ...] = (HumanMessage(prompt),)
    for _ in range(2):
        reply = await ask(Turn(messages, seed=seed))
        said = read_json(reply.text)
        if said is not None:
            return said
        messages = (
            *messages,
            AIMessage(reply.text),
            HumanMessage("That held no JSON object that can be read. Answer with the object alone."),
        )
    return None


def _told(other: Trajectory) -> str:
    return render("contrast", PACKAGE, goal=other.task.goal, outcome=outcome(other), transcript=transcript(other))


def outcome(trajectory: Trajectory) -> str:
    """What the Reflector is told of how it went; nothing where labels are withheld."""
    if trajectory.reward is None:
        return "Nobody has told. Judge by what the environment said."
    verdict = "The task was achieved" if trajectory.success else "The task was not achieved"
    ended = _ENDED.get(trajectory.stop)
    why = f"; {ended}" if ended and not trajectory.success else ""
    return f"{verdict} (reward {trajectory.reward:g} of 1){why}."


def _contrast(trajectory: Trajectory, others: Sequence[Trajectory]) -> Trajectory | None:
    """The first attempt at a task of the same kind with the other outcome; none where outcomes are withheld."""
    if trajectory.reward is None:
        return None
    same_kind = (o for o in others if o.task.kind == trajectory.task.kind and o.reward is not None)
    return next((o for o in same_kind if o.success != trajectory.success), None)


def _dicts(value: object) -> list[dict[str, object]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
