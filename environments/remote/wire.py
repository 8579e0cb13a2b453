"""Tasks, calls and feedback as JSON objects, and back. ``docs/remote.md`` shows each.

An action and a feedback have the form that OpenEnv gives them (``CallToolAction``, ``StepResponse``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from knowhow.environments.calls import tool_name
from knowhow.environments.types import SPLITS, Feedback, Suite, Task, Tool, ToolCall

Object = Mapping[str, Any]


def about_suite(suite: Suite, *, oracle: bool) -> Object:
    """What a client has to know of a suite."""
    return {
        "name": suite.name,
        "description": suite.description,
        "licence": suite.licence,
        "source": suite.source,
        "max_steps": suite.max_steps,
        "reward_visible": suite.reward_visible,
        "outside": suite.outside,
        "oracle": oracle and type(suite).oracle is not Suite.oracle,
        "tasks": {split: len(suite.tasks(split)) for split in SPLITS},
    }


def task_out(task: Task) -> Object:
    return {"id": task.id, "split": task.split, "kind": task.kind, "goal": task.goal, "session": task.session}


def task_in(data: Object, suite: str) -> Task:
    """Raises: ValueError for what is no task."""
    texts = {name: _text(data, name) for name in ("id", "split", "kind", "goal")}
    if texts["split"] not in SPLITS:
        raise ValueError(f"split={texts['split']!r} is none of {', '.join(SPLITS)}")
    return Task(suite=suite, session=str(data.get("session") or ""), **texts)  # type: ignore[arg-type]


def call_out(call: ToolCall) -> Object:
    return {"type": "call_tool", "tool_name": call.name, "arguments": dict(call.arguments)}


def call_in(data: Object) -> ToolCall:
    """Raises: ValueError for what is no call."""
    arguments = data.get("arguments", {})
    if not isinstance(arguments, dict):
        raise ValueError(f"arguments={arguments!r:.100} is no object")
    return ToolCall(_text(data, "tool_name"), arguments)


def feedback_out(feedback: Feedback) -> Object:
    seen: dict[str, Any] = {"text": feedback.observation, "truncated": feedback.truncated}
    if feedback.commands is not None:
        seen["commands"] = list(feedback.commands)
    if feedback.images:
        seen["images"] = list(feedback.images)
    return {"observation": seen, "reward": feedback.reward, "done": feedback.done}


def feedback_in(data: Object) -> Feedback:
    """Raises: ValueError for what is no feedback."""
    seen = data.get("observation")
    if not isinstance(seen, dict):
        raise ValueError(f"observation={seen!r:.100} is no object")
    done, truncated = bool(data.get("done")), bool(seen.get("truncated"))
    return Feedback(
        _text(seen, "text"),
        _number(data, "reward"),
        terminated=done and not truncated,
        truncated=done and truncated,
        commands=_texts("commands", seen.get("commands")),
        images=_texts("images", seen.get("images")) or (),
    )


def tools_in(data: Object) -> tuple[Tool, ...]:
    """Raises: ValueError for what are no tools in the OpenAI function format."""
    try:
        tools: Sequence[Tool] = data["tools"]
        if [tool_name(tool) for tool in tools]:
            return tuple(tools)
    except (TypeError, KeyError):
        pass
    raise ValueError(f"tools={data.get('tools')!r:.100} are none in the OpenAI function format")


def _text(data: Object, name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name}={value!r:.100} is no text")
    return value


def _number(data: Object, name: str) -> float:
    value = data.get(name)
    if value is not None and (type(value) not in (int, float) or not isfinite(value)):
        raise ValueError(f"{name}={value!r:.100} is no number")
    return float(value or 0)


def _texts(name: str, value: object) -> tuple[str, ...] | None:
    if value is not None and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
        raise ValueError(f"{name}={value!r:.100} is no list of texts")
    return None if value is None else tuple(value)
