"""A chat model behind OpenAI's protocol, as the schemes of this folder open it; it takes a while to import."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import openai
from langchain_core.exceptions import ModelAPIError
from langchain_core.messages import AIMessage, InvalidToolCall
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI
from pydantic import Field, SecretStr

from knowhow.agents.prices import Price
from knowhow.agents.samples import KEY, sampled
from knowhow.environments.errors import BadSetting, ModelError

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "EMPTY"
"""What is sent as the key to a server that needs none."""

_OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "temperature": float,
    "top_p": float,
    "max_tokens": int,
    "reasoning_effort": str,
}


class MalformedReply(ModelAPIError):
    """The server said 200 and sent what is no chat completion; asking again may help."""


class OpenAIChat(ChatOpenAI):
    """``ChatOpenAI`` that says plainly when a reply cannot be read, and lets odd tool calls through as invalid ones.

    ``price``: what a request costs; None where it is unknown. ``tokens``: ask for the token ids of prompt and reply, in
    vLLM's manner, and tell them in the reply (``agents/samples.py``).
    """

    price: Price | None = Field(default=None, exclude=True)
    tokens: bool = False

    async def aclose(self) -> None:
        await self.root_async_client.close()

    def _get_request_payload(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        payload: dict[str, Any] = super()._get_request_payload(*args, **kwargs)
        if "input" in payload:  # the Responses API, which takes no seed
            payload.pop("seed", None)
        if self.use_responses_api is False and "max_completion_tokens" in payload:
            payload["max_tokens"] = payload.pop("max_completion_tokens")
        if self.tokens:
            payload["logprobs"] = True
            payload["extra_body"] = {**(payload.get("extra_body") or {}), "return_token_ids": True}
        return payload

    async def _agenerate(self, *args: Any, **kwargs: Any) -> ChatResult:
        try:
            return await super()._agenerate(*args, **kwargs)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise MalformedReply(f"the reply is no JSON ({error})") from error

    def _create_chat_result(self, response: Any, generation_info: dict[str, Any] | None = None) -> ChatResult:
        try:
            response, odd = _set_odd_calls_aside(response)
            result = super()._create_chat_result(response, generation_info)
            message = result.generations[0].message
            assert isinstance(message, AIMessage)
        except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
            raise MalformedReply(f"the reply is no chat completion ({type(error).__name__}: {error})") from error
        message.invalid_tool_calls.extend(odd)
        if self.tokens:
            message.response_metadata.pop("logprobs", None)
            message.response_metadata[KEY] = _sample(response)
        return result


class _AsItIs:
    """What ``ChatOpenAI`` uses of openai's client for chat completions, sent as it is.

    The client's own goes through every message of a request and converts by its type what is JSON already, which takes
    half of the processor's time of a step, and more with every message.
    """

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client = client

    @property
    def with_raw_response(self) -> _AsItIs:
        return self

    async def create(self, *, extra_body: Mapping[str, Any] | None = None, **payload: Any) -> _Answer:
        body = {**payload, **(extra_body or {})}
        return _Answer(await self._client.post("/chat/completions", cast_to=object, body=body))


class _Answer:
    def __init__(self, body: object) -> None:
        self._body = body

    def parse(self) -> object:
        return self._body


def open_chat(model: str, url: str, key: str, options: Mapping[str, str], price: Price | None) -> OpenAIChat:
    """A chat model that sends one request a call: retries and time-outs are its caller's.

    Raises: BadSetting for an option that there is not or a value that does not fit.
    """
    settings = dict(options)
    tokens = settings.pop("tokens", "0")
    if tokens not in {"0", "1"}:
        raise BadSetting(f"tokens={tokens} of a model is neither 0 nor 1")
    chat = OpenAIChat(
        model=model,
        base_url=url,
        api_key=SecretStr(key),
        max_retries=0,
        # A client of its own: LangChain's is shared by all event loops of a process, and its connections belong to one.
        http_async_client=openai.DefaultAsyncHttpxClient(timeout=None, follow_redirects=False),
        # None for the other client, which is never used: with them, LangChain warns of it where there is a proxy.
        http_socket_options=(),
        # Other servers speak the older protocol, with its older names.
        use_responses_api=None if url == OPENAI_URL else False,
        price=price,
        tokens=tokens == "1",
        **{name: _value(name, text) for name, text in settings.items()},
    )
    chat.async_client = _AsItIs(chat.root_async_client)
    return chat


def _value(name: str, text: str) -> Any:
    if name not in _OPTIONS:
        known = ", ".join([*_OPTIONS, "tokens", "tools", "input_usd", "output_usd", "cached_usd"])
        raise BadSetting(f"there is no model option {name!r}; there are {known}")
    kind = _OPTIONS[name]
    try:
        value = kind(text)
    except ValueError:
        raise BadSetting(f"the model option {name}={text} is no {kind.__name__}") from None
    if not isinstance(value, str) and not value >= 0:
        raise BadSetting(f"the model option {name}={text} is below 0")
    return value


def _set_odd_calls_aside(response: Any) -> tuple[Any, list[InvalidToolCall]]:
    """Calls whose arguments are no JSON object, some of which ChatOpenAI fails on; each call gets an id."""
    content = response if isinstance(response, dict) else response.model_dump(warnings=False)
    odd: list[InvalidToolCall] = []
    for choice in content["choices"]:
        calls = choice["message"].get("tool_calls") or []
        for number, call in enumerate(calls):
            call["id"] = call.get("id") or f"call-{number}"
            arguments = call["function"].get("arguments")
            call["function"]["arguments"] = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
        strange = [call for call in calls if not _is_object(call["function"]["arguments"])]
        choice["message"]["tool_calls"] = [call for call in calls if call not in strange]
        odd += [_invalid(call) for call in strange]
    return content, odd


def _sample(response: Mapping[str, Any]) -> dict[str, Any]:
    """The reply in token ids. Raises: ModelError where the server tells none."""
    choice = response["choices"][0]
    prompt, tokens = response.get("prompt_token_ids"), choice.get("token_ids")
    told = (choice.get("logprobs") or {}).get("content")
    if not prompt or tokens is None or told is None or len(told) != len(tokens):
        raise ModelError(
            f"the server of {response.get('model')} does not tell token ids and log-probabilities; serve it with "
            "vLLM or `knowhow serve`, or leave out tokens=1"
        )
    return sampled(prompt, tokens, [token["logprob"] for token in told], str(response.get("model", "")))


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments or "{}", strict=False), dict)
    except json.JSONDecodeError:
        return False


def _invalid(call: dict[str, Any]) -> InvalidToolCall:
    function = call["function"]
    return InvalidToolCall(
        name=function.get("name"),
        args=function["arguments"],
        id=call["id"],
        error="its arguments are no valid JSON object",
        type="invalid_tool_call",
    )
