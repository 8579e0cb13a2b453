"""A chat request, read and checked.

The fields are those of OpenAI's chat completions, with ``return_token_ids`` as in vLLM's ``ChatCompletionRequest``
(https://github.com/vllm-project/vllm, Apache-2.0). A field that would change the reply and is not supported is refused;
one that changes nothing (``user``, say) is ignored.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from knowhow.agents.local.serving.refusal import Refusal
from knowhow.agents.local.tool_choice import chosen
from knowhow.agents.local.types import Sampling
from knowhow.environments.types import Tool

Object = Mapping[str, Any]

MOST_REPLIES = 128
MOST_ALTERNATIVES = 20
_UNSUPPORTED: Object = {
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "repetition_penalty": 1,
    "logit_bias": {},
    "top_k": 0,
    "min_p": 0,
    "min_tokens": 0,
    "ignore_eos": False,
    "use_beam_search": False,
    "stop_token_ids": [],
    "bad_words": [],
    "allowed_token_ids": None,
    "structured_outputs": None,
    "response_format": {"type": "text"},
    "prompt_logprobs": None,
    "chat_template": None,
    "chat_template_kwargs": {},
    "continue_final_message": False,
    "echo": False,
}
"""What would change the reply, with the value that changes nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """``begun``: how the reply has to begin, where ``tool_choice`` wants a call. ``count`` replies are wanted."""

    model: str
    messages: tuple[Object, ...]
    tools: tuple[Tool, ...]
    begun: str
    sampling: Sampling
    count: int
    stream: bool
    counted: bool
    logprobs: bool
    token_ids: bool


def read_request(body: Object) -> Asked:
    """Raises: Refusal that names the field."""
    _refuse_unsupported(body)
    tools, begun = _tools(body)
    stream = _flag(body, "stream")
    options = body.get("stream_options") or {}
    return Asked(
        model=_get(body, "model", str, ""),
        messages=_messages(body),
        tools=tools,
        begun=begun,
        sampling=_sampling(body),
        count=_number(body, "n", int, 1, lambda n: 1 <= n <= MOST_REPLIES),
        stream=stream,
        counted=not stream or bool(options.get("include_usage")),
        logprobs=_flag(body, "logprobs"),
        token_ids=_flag(body, "return_token_ids"),
    )


def _sampling(body: Object) -> Sampling:
    limit = "max_tokens" if body.get("max_completion_tokens") is None else "max_completion_tokens"
    stop = body.get("stop") or []
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or not all(isinstance(one, str) and one for one in stops):
        raise Refusal(f"stop={stop!r:.60} is neither a text nor a list of texts", param="stop")
    most = _number(body, "top_logprobs", int, 0, lambda count: 0 <= count <= MOST_ALTERNATIVES)
    if most and not _flag(body, "logprobs"):
        raise Refusal("top_logprobs needs logprobs=true", param="top_logprobs")
    return Sampling(
        temperature=_number(body, "temperature", float, 1.0, lambda value: 0 <= value <= 100),
        top_p=_number(body, "top_p", float, 1.0, lambda value: 0 < value <= 1),
        max_tokens=_number(body, limit, int, None, lambda count: count >= 1),
        seed=_number(body, "seed", int, random.getrandbits(31), lambda seed: True),
        stop=tuple(stops),
        alternatives=most,
    )


def _messages(body: Object) -> tuple[Object, ...]:
    messages = _get(body, "messages", list, [])
    if not messages or not all(isinstance(one, dict) and isinstance(one.get("role"), str) for one in messages):
        raise Refusal("messages has to be a list of at least one object with a role", param="messages")
    for message in messages:
        for call in message.get("tool_calls") or ():
            if not isinstance(call, dict) or not isinstance(call.get("function"), dict):
                raise Refusal(f"the tool call {call!r:.60} has no function", param="messages")
    return tuple(messages)


def _tools(body: Object) -> tuple[tuple[Tool, ...], str]:
    tools = _get(body, "tools", list, [])
    if not all(isinstance(tool, dict) and isinstance(tool.get("function"), dict) for tool in tools):
        raise Refusal("every tool has to be an object with a function", param="tools")
    return chosen(tools, body.get("tool_choice"))


def _refuse_unsupported(body: Object) -> None:
    for name, harmless in _UNSUPPORTED.items():
        if body.get(name) not in (None, harmless) and not (name == "top_k" and body[name] == -1):
            raise Refusal(f"{name} is not supported here; leave it out", param=name)


def _flag(body: Object, name: str) -> bool:
    return bool(_get(body, name, bool, False))


def _get(body: Object, name: str, kind: type, default: Any) -> Any:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise Refusal(f"{name}={value!r:.60} is no {kind.__name__}", param=name)
    return value


def _number(body: Object, name: str, kind: type, default: Any, fits: Callable[[Any], bool]) -> Any:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | kind) or not fits(value):
        raise Refusal(f"{name}={value!r:.60} is no {kind.__name__} in the range it may have", param=name)
    return kind(value)
