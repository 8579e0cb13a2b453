"""Text that every request and every file can carry: a cut-off reply or a web page may hold half a surrogate pair."""

from __future__ import annotations

from typing import Any, TypeVar

from langchain_core.messages import BaseMessage

Said = TypeVar("Said", bound=BaseMessage)

_PARTS = ("content", "tool_calls", "invalid_tool_calls", "additional_kwargs")


def whole(value: Any) -> Any:
    """The value with a question mark for each half character in its texts, keys too."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [whole(part) for part in value]
    if isinstance(value, dict):
        return {whole(key): whole(part) for key, part in value.items()}
    return value


def whole_message(message: Said) -> Said:
    """The message itself where nothing is wrong with it."""
    if isinstance(message.content, str) and message.content.isascii() and not _calls(message):
        return message
    return message.model_copy(update={part: whole(getattr(message, part)) for part in _PARTS if hasattr(message, part)})


def _calls(message: BaseMessage) -> bool:
    return bool(getattr(message, "tool_calls", ()) or getattr(message, "invalid_tool_calls", ()))
