"""Text that every request and every file can carry: a cut-off reply or a web page may hold half a surrogate pair."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

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


def whole_reply(reply: AIMessage) -> AIMessage:
    """A reply as it may be kept and sent back."""
    return reply.model_copy(update={part: whole(getattr(reply, part)) for part in _PARTS})


def whole_prompt(message: BaseMessage) -> BaseMessage:
    """A message as it may be sent; the calls in it are those of replies, which are whole."""
    if isinstance(message.content, str) and message.content.isascii():
        return message
    return message.model_copy(update={"content": whole(message.content)})
