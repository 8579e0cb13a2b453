"""A run of a chat agent as a trajectory: each tool call is a step, and so is what it said in the end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage, convert_to_openai_messages

from knowhow.environments.types import Feedback, Step, StopReason, Task, ToolCall, Trajectory, Usage

SUITE = "agent"
ANSWER = "answer"
"""The name of the call that stands for what the agent said in the end, in ``text``."""
_CITATION = re.compile(r"\[([a-z]+-\d+)\]")
_BEFORE = 20
"""Messages of the conversation before the request that are kept as what the agent saw first."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that has begun: the id of the message that it answers, and what memory gave it."""

    message: str
    seed: int
    text: str = ""
    shown: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    memory_version: int = 0


def request(messages: Sequence[BaseMessage]) -> BaseMessage | None:
    """The message that a run answers: the last one of a person."""
    return next((message for message in reversed(messages) if isinstance(message, HumanMessage)), None)


def told_outside(messages: Sequence[BaseMessage]) -> bool:
    """Whether the agent read what a tool said, which anybody may have written."""
    return any(isinstance(message, ToolMessage) for message in messages)


def episode(
    messages: Sequence[BaseMessage], begun: Begun, reward: float | None, *, id: str, kind: str, session: str = ""
) -> Trajectory:
    """The run that ended with these messages; the ones before its request are what it saw first."""
    at = next((place for place, one in enumerate(messages) if one.id == begun.message), 0)
    before, goal, after = messages[max(0, at - _BEFORE) : at], messages[at].text, messages[at + 1 :]
    said = {found for message in after if isinstance(message, AIMessage) for found in _CITATION.findall(message.text)}
    return Trajectory(
        id=id,
        task=Task(id, SUITE, "train", kind, goal, session),
        seed=begun.seed,
        first=Feedback("\n".join(f"{message.type}: {message.text}" for message in before)),
        steps=_rewarded(tuple(_steps(after)), reward),
        messages=tuple(convert_to_openai_messages(list(messages))),
        reward=reward,
        stop=StopReason.TERMINATED,
        shown=begun.shown,
        withheld=begun.withheld,
        cited=tuple(item for item in begun.shown if item in said),
        memory_version=begun.memory_version,
        usage=sum((_usage(message) for message in after if isinstance(message, AIMessage)), Usage()),
        outside=told_outside(messages),
    )


def _steps(messages: Sequence[BaseMessage]) -> Iterator[Step]:
    answers = {message.tool_call_id: message.text for message in messages if isinstance(message, ToolMessage)}
    for message in messages:
        if isinstance(message, AIMessage):
            yield from _made(message, answers)


def _made(message: AIMessage, answers: Mapping[str, str]) -> Iterator[Step]:
    if not message.tool_calls:
        yield Step(ToolCall(ANSWER, {"text": message.text}), Feedback(""), message.text)
    for call in message.tool_calls:
        made = ToolCall(call["name"], call["args"])
        yield Step(made, Feedback(answers.get(call["id"] or "", "")), message.text)


def _rewarded(steps: tuple[Step, ...], reward: float | None) -> tuple[Step, ...]:
    if not steps:
        return steps
    ended = replace(steps[-1].feedback, reward=reward or 0.0, terminated=True)
    return *steps[:-1], replace(steps[-1], feedback=ended)


def _usage(message: AIMessage) -> Usage:
    counted: Any = message.usage_metadata
    return Usage(1, counted["input_tokens"], 0, counted["output_tokens"]) if counted else Usage(1)
