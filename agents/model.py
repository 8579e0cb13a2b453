"""One decision by a model: a URI such as ``novice`` or ``vllm:NAME@URL`` becomes a metered ``Decider``.

Between a turn and the chat model that answers it lie, from the outside in: the reply cache, the text form of tool calls
for models that have none, retries, and the meter, which counts every request that is sent.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable

from knowhow.agents import tracing
from knowhow.agents.cache import ReplyCache, reply_key
from knowhow.agents.failures import unreachable, unsupported
from knowhow.agents.metering import CHARACTERS_PER_TOKEN, Meter
from knowhow.agents.prices import Price, free, linear
from knowhow.agents.retries import Retries
from knowhow.agents.tool_text import as_text, read_calls
from knowhow.agents.types import Turn
from knowhow.agents.utf8 import whole_prompt, whole_reply
from knowhow.environments.discover import find
from knowhow.environments.errors import BadSetting, ModelError
from knowhow.environments.types import Tool, Usage

SCHEMES = "knowhow.agents.models"

_BOUND_KEPT = 16


def load_model(
    uri: str,
    *,
    meter: Meter | None = None,
    cache: Path | None = None,
    retries: int = 6,
    timeout_s: float = 120,
    backoff_s: float = 1.0,
) -> Model:
    """The model of a URI ``scheme:name?option=value&...``; the schemes are the files of ``agents/models``.

    Options: ``temperature``, ``top_p``, ``max_tokens``, ``reasoning_effort``; ``tools=text`` for a model without tool
    calling; ``tokens=1`` to have vLLM or ``knowhow serve`` tell token ids; ``input_usd``, ``output_usd``,
    ``cached_usd`` in US dollars per million tokens. ``cache``: the file of kept replies. ``retries``: how often a
    request is sent again; ``timeout_s``: how long one may take (seconds); ``backoff_s``: the first pause between two
    tries (seconds).

    Raises: UnknownName for a scheme that there is not; BadSetting for a missing key, a bad option, or a budget in
    dollars for a model whose price is unknown.
    """
    scheme, name, options = parse_uri(uri)
    given = _given_price(uri, options)
    text = _text_asked(uri, options)
    open_chat = partial(find(SCHEMES, scheme), name, options)
    chat = open_chat()
    price = given or _own_price(chat)
    meter = meter or Meter()
    if meter.budget.usd is not None and price is None:
        raise BadSetting(
            f"the price of {uri} is unknown, so that a budget in dollars cannot be kept; "
            "add its prices per million tokens, as in ?input_usd=0.15&output_usd=0.60"
        )
    return Model(
        uri,
        chat,
        # Without connections, one serves every event loop: a local model is not loaded again.
        open_chat if hasattr(chat, "aclose") else lambda: chat,
        price=price,
        meter=meter,
        text_tools=text,
        cache=None if cache is None else ReplyCache(cache),
        retries=Retries(retries, backoff_s),
        timeout_s=timeout_s,
    )


def parse_uri(uri: str) -> tuple[str, str, dict[str, str]]:
    """Scheme, name and options; the options may stand before or after a ``#NAME``. Raises: BadSetting."""
    match = re.fullmatch(r"([^:?#\s]+)(?::([^?]*))?(?:\?([^#]*)(#.*)?)?", uri.strip())
    if match is None:
        forms = "novice, openai:NAME, vllm:NAME@URL, http://HOST:PORT/v1#NAME or hf:PATH"
        raise BadSetting(f"{uri!r} is no model; write {forms}")
    scheme, name, query, fragment = match.groups(default="")
    try:
        return scheme, name + fragment, dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise BadSetting(f"the options of the model {uri!r} cannot be read; write ?name=value&name=value") from None


def takes_plain_adapters(uri: str) -> bool:
    """Whether the model loads plain LoRA alone, as servers do. Raises: BadSetting for one that takes no adapters."""
    plain: bool = _adapting(uri).PLAIN_ADAPTERS
    return plain


def with_adapter(uri: str, adapter: Path, version: str) -> str:
    """The URI of the same model with the adapter in a folder, its options as they are; a server has it loaded then,
    under the name ``version``, which no other weights may have had.

    Raises: BadSetting for a model that takes no adapters; ModelError where a server refuses it.
    """
    scheme, name, options = parse_uri(uri)
    query = urlencode(options, safe="/:,")
    return f"{scheme}:{_adapting(uri).adapted(name, options, adapter, version)}{'?' if query else ''}{query}"


def drop_adapter(uri: str) -> None:
    """What ``with_adapter`` loaded is unloaded. Raises: as ``with_adapter``."""
    _, name, options = parse_uri(uri)
    getattr(_adapting(uri), "dropped", lambda name, options: None)(name, options)


def _adapting(uri: str) -> Any:
    """The file of the model's scheme, where it can have adapters."""
    file = sys.modules[find(SCHEMES, parse_uri(uri)[0]).__module__]
    if not hasattr(file, "adapted"):
        raise BadSetting(f"the model {uri} takes no adapters; use hf:PATH, or a server such as vllm:NAME@URL")
    return file


@dataclass
class _Session:
    """A chat model in one event loop, with the tools bound to it: binding converts them, and they hardly change."""

    chat: BaseChatModel
    bound: list[tuple[tuple[Tool, ...], Runnable[Any, Any], int]] = field(default_factory=list)

    def bind(self, tools: tuple[Tool, ...]) -> tuple[Runnable[Any, Any], int]:
        """The model with its tools, and their length in characters."""
        if not tools:
            return self.chat, 0
        for known, runnable, length in self.bound:
            if known == tools:
                return runnable, length
        runnable, length = self.chat.bind_tools([dict(tool) for tool in tools]), len(str(tools))
        self.bound = [(tools, runnable, length), *self.bound[: _BOUND_KEPT - 1]]
        return runnable, length


class Model:
    """A ``Decider`` over a LangChain chat model.

    ``price_known`` is False where requests count as free only because nobody knows their price. ``tokens_estimated``
    turns True with the first reply whose server counted no tokens: they are estimated then, at four characters a token.
    """

    def __init__(
        self,
        uri: str,
        chat: BaseChatModel,
        reopen: Callable[[], BaseChatModel],
        *,
        price: Price | None,
        meter: Meter,
        text_tools: bool,
        cache: ReplyCache | None,
        retries: Retries,
        timeout_s: float,
    ) -> None:
        self.uri = uri
        self.meter = meter
        self.price_known = price is not None
        self.tokens_estimated = False
        self.price = price or free
        self._cache = cache
        self._retries = retries
        self._timeout_s = timeout_s
        self._lacking = frozenset({"tools"} if text_tools else ())
        self._unused: BaseChatModel | None = chat
        self._reopen = reopen
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, _Session] = WeakKeyDictionary()

    async def __call__(self, turn: Turn) -> AIMessage:
        """The model's reply; malformed tool calls are in it as they came.

        Raises: BudgetExceeded before a request that the budget does not cover; ModelError when it fails for good.
        """
        if self._cache is None:
            return await self._decide(turn)
        key = reply_key(self.uri, turn)
        kept = self._cache.get(key)
        if kept is not None:
            self.meter.cache_hit()
            return kept
        reply = await self._decide(turn)
        self._cache.put(key, reply)
        return reply

    async def aclose(self) -> None:
        """Close the connections of the running event loop; the model can be used again."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None and hasattr(session.chat, "aclose"):
            await session.chat.aclose()

    async def _decide(self, turn: Turn) -> AIMessage:
        """Ask; where the server refuses an optional part of the request, ask without it from then on."""
        lacking = self._lacking
        try:
            return await self._ask(turn, lacking)
        except ModelError as error:
            refused = unsupported(error.__cause__) - lacking
            if not refused:
                raise
            self._lacking |= refused
        return await self._decide(turn)

    async def _ask(self, turn: Turn, lacking: frozenset[str]) -> AIMessage:
        in_text = bool(turn.tools) and "tools" in lacking
        said = [whole_prompt(message) for message in turn.messages]
        messages = as_text(said, turn.tools) if in_text else [_sendable(message) for message in said]
        session = self._session()
        runnable, tools_length = session.bind(() if in_text else turn.tools)
        settings: dict[str, Any] = {"seed": turn.seed, "temperature": turn.temperature}
        settings = {name: value for name, value in settings.items() if value is not None and name not in lacking}
        if turn.tools and not (turn.calls or in_text):
            settings["tool_choice"] = "none"
        prompt = _tokens(tools_length + _length(messages))
        reply = await self._retries(lambda: self._send(runnable, messages, settings, prompt), self._where(session.chat))
        return read_calls(reply, turn.tools, len(turn.messages)) if in_text and turn.calls else reply

    async def _send(
        self,
        runnable: Runnable[Any, Any],
        messages: Sequence[BaseMessage],
        settings: Mapping[str, Any],
        prompt_tokens: int,
    ) -> AIMessage:
        """One request, counted. ``prompt_tokens``: an estimate."""
        with (
            self.meter.reserve(self._usage(prompt_tokens, 0, self.meter.longest_reply)) as request,
            tracing.chat(self.uri, settings) as span,
        ):
            try:
                async with asyncio.timeout(self._timeout_s) as limit:
                    reply = await runnable.ainvoke(messages, **settings)
            except Exception as error:
                if unreachable(error):
                    request.never_sent()
                if limit.expired():
                    raise TimeoutError(f"no reply within {self._timeout_s:g} s") from None
                raise
            request.answered(usage := self._usage_of(reply, prompt_tokens))
            span.used(usage)
        assert isinstance(reply, AIMessage)
        return whole_reply(reply)

    def _usage_of(self, reply: AIMessage, prompt_tokens: int) -> Usage:
        counted = reply.usage_metadata
        if counted is None or not counted["input_tokens"]:
            self.tokens_estimated = True
            made = "".join(str(call["args"]) for call in reply.tool_calls)
            return self._usage(prompt_tokens, 0, _tokens(_length([reply]) + len(made)))
        details: Mapping[str, Any] = counted.get("input_token_details") or {}
        # A provider's service tier goes before the name: priority_cache_read.
        cached = sum(count or 0 for name, count in details.items() if name.endswith("cache_read"))
        return self._usage(counted["input_tokens"], cached, counted["output_tokens"])

    def _usage(self, prompt: int, cached: int, completion: int) -> Usage:
        return Usage(0, prompt, cached, completion, self.price(prompt, cached, completion))

    def _session(self) -> _Session:
        """Connections belong to one event loop, so that every loop has a chat model of its own."""
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            chat, self._unused = self._unused or self._reopen(), None
            session = self._sessions[loop] = _Session(chat)
        return session

    def _where(self, chat: BaseChatModel) -> str:
        url = getattr(chat, "openai_api_base", None) or ""
        return self.uri if url in self.uri else f"{self.uri} at {url}"


def _sendable(message: BaseMessage) -> BaseMessage:
    """Arguments that are no JSON go back to the server wrapped in some, because many refuse a history with others."""
    if not isinstance(message, AIMessage) or not message.invalid_tool_calls:
        return message
    broken = message.invalid_tool_calls
    wrapped = [{"name": call["name"] or "", "args": {"unreadable": call["args"]}, "id": call["id"]} for call in broken]
    return AIMessage(message.content, tool_calls=[*message.tool_calls, *wrapped])


IMAGE_TOKENS = 1000
"""What an image is taken to cost, where the server does not tell: they count by its size in pixels."""


def _length(messages: Iterable[BaseMessage]) -> int:
    contents = (message.content for message in messages)
    parts = (part for content in contents for part in (content if isinstance(content, list) else [content]))
    return sum(IMAGE_TOKENS * CHARACTERS_PER_TOKEN if _is_image(part) else len(str(part)) for part in parts)


def _is_image(part: str | dict[Any, Any]) -> bool:
    return isinstance(part, dict) and part.get("type") == "image_url"


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)


def _own_price(chat: BaseChatModel) -> Price | None:
    """What the chat model says of its price; one that says nothing is free where it needs no secret."""
    return getattr(chat, "price", None if chat.lc_secrets else free)


def _given_price(uri: str, options: dict[str, str]) -> Price | None:
    """Takes the prices out of the options."""
    given = {name: options.pop(name) for name in ("input_usd", "output_usd", "cached_usd") if name in options}
    try:
        prices = {name: float(text) for name, text in given.items()}
    except ValueError:
        raise BadSetting(f"the prices {given} of {uri!r} are no numbers; give US dollars per million tokens") from None
    if not prices:
        return None
    if not {"input_usd", "output_usd"} <= prices.keys() or not all(price >= 0 for price in prices.values()):
        raise BadSetting(f"the prices of the model {uri!r} need input_usd and output_usd, 0 or more; {given} are given")
    return linear(**prices)


def _text_asked(uri: str, options: dict[str, str]) -> bool:
    """Takes ``tools`` out of the options."""
    asked = options.pop("tools", "native")
    if asked not in {"native", "text"}:
        raise BadSetting(f"tools={asked} of the model {uri!r} is neither native nor text")
    return asked == "text"
