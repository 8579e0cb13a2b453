"""Conversations as strict readers of OpenAI's chat format want them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from knowhow.training.types import Message


def strict(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The same conversation: every call has an id of its own, and every answer names the call that it answers.

    An answer to a call that could not be read, and so is not in the conversation, becomes a user's message: that is how
    the model was told.
    """
    made: list[dict[str, Any]] = []
    open_calls: dict[Any, str] = {}
    for place, message in enumerate(messages):
        if message["role"] == "tool":
            made.append(_answer(message, open_calls))
            continue
        calls = message.get("tool_calls") or ()
        open_calls = {call.get("id"): f"call_{place}_{number}" for number, call in enumerate(calls)}
        named = [{**call, "id": f"call_{place}_{number}"} for number, call in enumerate(calls)]
        made.append({**message, **({"tool_calls": named} if named else {})})
    return made


def _answer(message: Message, open_calls: dict[Any, str]) -> dict[str, Any]:
    id = open_calls.pop(message.get("tool_call_id"), None)
    if id is None:
        return {"role": "user", "content": message["content"]}
    return {**message, "tool_call_id": id}
