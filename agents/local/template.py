"""A conversation as the text that a chat template makes of it: the same for a prompt, and for what is trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from knowhow.environments.errors import BadSetting

Message = Mapping[str, Any]
"""A message in OpenAI's chat format."""


def rendered(
    tokenizer: Any, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = (), *, prompt: bool
) -> str:
    """The messages and tools as the model reads them; as a ``prompt``, what makes it reply follows. Raises: BadSetting
    where the template refuses them."""
    told = [_for_template(message) for message in messages]
    try:
        text: str = tokenizer.apply_chat_template(
            told, tools=[dict(tool) for tool in tools] or None, add_generation_prompt=prompt, tokenize=False
        )
    except Exception as error:  # a template refuses by whatever exception it likes
        raise BadSetting(f"the chat template refuses these messages: {error}") from error
    return text


def text_of(content: Any) -> str:
    """The content of a message in one piece. Raises: BadSetting for what is no text."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(_text_of_part(part) for part in (content if isinstance(content, list) else [content]))


def arguments_of(given: Any) -> Any:
    """The arguments of a call as an object where they are one, else the text that was to be one."""
    if not isinstance(given, str):
        return given or {}
    try:
        made = json.loads(given or "{}", strict=False)
    except ValueError:
        return given
    return made if isinstance(made, dict) else given


def _for_template(message: Message) -> dict[str, Any]:
    """A message as chat templates read it: its text in one piece, arguments as an object."""
    told = {**message, "content": text_of(message.get("content"))}
    if told.get("role") == "developer":
        told["role"] = "system"
    if told.get("tool_calls"):
        told["tool_calls"] = [_call_for_template(call) for call in told["tool_calls"]]
    else:
        told.pop("tool_calls", None)
    return told


def _call_for_template(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {**call, "function": {**function, "arguments": arguments_of(function.get("arguments"))}}


def _text_of_part(part: Any) -> str:
    text = part.get("text") if isinstance(part, Mapping) else part
    if not isinstance(text, str):
        raise BadSetting(f"a message holds {str(part)[:60]!r}; local models read text only")
    return text
