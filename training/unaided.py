"""An episode as if it had been played without memory: what distillation teaches a student that has none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from knowhow.agents.prompt import render, template
from knowhow.environments.calls import SKILL, tool_name
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Trajectory
from knowhow.training.selecting import keep
from knowhow.training.types import Data, Message

_CITATION = re.compile(r" ?\[[a-z]+-\d{5,}\]")
ABILITY = "it calls an ability that memory offered"
PROMPT = "its system prompt is not the one of agents/prompts/act.md, so that the memory in it cannot be told"


def without_memory(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages with the prompt of an agent without memory, and no citations (``[str-00012]``) in the replies.

    The system prompt ends with what recall gave (``agents/prompts/act.md``), so that it can be told from the text; a
    conversation without a system prompt has none. Raises: BadSetting where the system prompt is another one.
    """
    return tuple(_plain(message) for message in messages)


def unaided(trajectory: Trajectory) -> Trajectory:
    """The same episode without memory: in its messages, and among its tools. Where that changes them its samples go,
    since they are of other prompts.

    Raises: BadSetting where it cannot be told so: a step was an ability that memory offered, or as ``without_memory``.
    """
    if why := _aid(trajectory):
        raise BadSetting(f"episode {trajectory.id} cannot be told without memory: {why}")
    messages = without_memory(trajectory.messages)
    own = tuple(tool for tool in trajectory.tools if not tool_name(tool).startswith(SKILL))
    steps = tuple(replace(step, said=_CITATION.sub("", step.said)) for step in trajectory.steps)
    samples = trajectory.samples if (messages, own) == (trajectory.messages, trajectory.tools) else ()
    return replace(trajectory, messages=messages, steps=steps, tools=own, samples=samples)


def all_unaided(trajectories: Sequence[Trajectory]) -> Data[Trajectory]:
    """The episodes without memory, but those of which that cannot be told or that depended on its abilities."""
    kept = keep(trajectories, _aid, "episodes")
    return Data(tuple(map(unaided, kept.rows)), kept.dropped)


def _aid(trajectory: Trajectory) -> str:
    """Why an episode cannot be told without memory, or nothing."""
    if any(step.call is not None and step.call.name.startswith(SKILL) for step in trajectory.steps):
        return ABILITY
    return "" if all(map(_known, trajectory.messages)) else PROMPT


def _known(message: Message) -> bool:
    return message["role"] != "system" or str(message["content"]).startswith(_head())


def _head() -> str:
    return template("act").template.partition("$memory")[0]


def _plain(message: Message) -> Message:
    if not _known(message):
        raise BadSetting(f"{PROMPT}: {str(message['content'])[:60]!r}")
    if message["role"] == "system":
        return {**message, "content": render("act", memory="")}
    if message["role"] == "assistant" and isinstance(message.get("content"), str):
        return {**message, "content": _CITATION.sub("", message["content"])}
    return message
