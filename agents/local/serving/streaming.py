"""A reply while it is made: server-sent events with what every token adds, then its calls, then why it ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from knowhow.agents.local.chat import Reply
from knowhow.agents.local.hermes import OPEN
from knowhow.agents.local.serving.asked import Asked
from knowhow.agents.local.serving.refusal import response
from knowhow.agents.local.serving.told import finish_reason, header, logprobs, usage
from knowhow.agents.local.types import Token

Tell = Callable[[Token], object]
Answer = Callable[[int, Tell], Awaitable[Reply]]
"""Makes the reply of a number, and tells its tokens on the way."""


async def events(id: str, asked: Asked, prompt: Sequence[int], answer: Answer, tokenizer: Any) -> AsyncIterator[str]:
    """The ``chat.completion.chunk`` objects of all replies as they come; an error is the last of them."""
    queue: asyncio.Queue[tuple[int, Token | Reply | Exception]] = asyncio.Queue()
    tasks = [asyncio.create_task(_answer(number, answer, queue)) for number in range(asked.count)]
    voices = [_Voice(number, asked, tokenizer) for number in range(asked.count)]
    start = header(id, asked, "chat.completion.chunk")
    replies: list[Reply] = []
    try:
        for voice in voices:
            ids = {"prompt_token_ids": list(prompt)} if asked.token_ids and voice is voices[0] else {}
            yield _event({**start, "choices": [voice.chunk({"role": "assistant", "content": ""})], **ids})
        while len(replies) < asked.count:
            number, came = await queue.get()
            if isinstance(came, Exception):
                yield f"data: {bytes(response(came).body).decode()}\n\n"
                return
            if isinstance(came, Reply):
                replies.append(came)
            for chunk in voices[number].said(came):
                yield _event({**start, "choices": [chunk]})
        if asked.counted:
            yield _event({**start, "choices": [], "usage": usage(replies)})
        yield "data: [DONE]\n\n"
    finally:
        for task in tasks:
            task.cancel()


async def _answer(number: int, answer: Answer, queue: asyncio.Queue[Any]) -> None:
    loop = asyncio.get_running_loop()
    try:
        came: Reply | Exception = await answer(
            number, lambda token: loop.call_soon_threadsafe(queue.put_nowait, (number, token))
        )
    except Exception as error:
        came = error
    # Behind the tokens, which the engine's thread put into the loop before.
    loop.call_soon(queue.put_nowait, (number, came))


class _Voice:
    """The chunks of one reply. What may turn out to be a call or a stop text is held back."""

    def __init__(self, number: int, asked: Asked, tokenizer: Any) -> None:
        self._number, self._asked, self._tokenizer = number, asked, tokenizer
        self._marks = (*asked.sampling.stop, *((OPEN,) if asked.tools else ()))
        self._ids: list[int] = []
        self._sent = ""

    def chunk(self, delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
        return {"index": self._number, "delta": delta, "finish_reason": finish, **more}

    def said(self, came: Token | Reply) -> list[dict[str, Any]]:
        return self._ended(came) if isinstance(came, Reply) else [self._grown(came)]

    def _grown(self, token: Token) -> dict[str, Any]:
        self._ids.append(token.id)
        text = self._asked.begun + self._tokenizer.decode(self._ids, skip_special_tokens=True)
        more: dict[str, Any] = {"logprobs": logprobs([token], self._tokenizer)} if self._asked.logprobs else {}
        if self._asked.token_ids:
            more["token_ids"] = [token.id]
        return self.chunk({"content": self._new(_safe(text, self._marks))}, **more)

    def _ended(self, reply: Reply) -> list[dict[str, Any]]:
        calls = [{"index": at, **call} for at, call in enumerate(reply.message.get("tool_calls", ()))]
        rest = self._new(reply.content)
        delta = {**({"content": rest} if rest else {}), **({"tool_calls": calls} if calls else {})}
        return [*([self.chunk(delta)] if delta else []), self.chunk({}, finish_reason(reply))]

    def _new(self, text: str) -> str:
        new, self._sent = text[len(self._sent) :], max(self._sent, text, key=len)
        return new


def _safe(text: str, marks: Sequence[str]) -> str:
    """The text up to where a mark begins or may begin, without a half character or space at its end."""
    for mark in marks:
        at = text.find(mark)
        if at < 0:
            part = max((size for size in range(1, len(mark)) if text.endswith(mark[:size])), default=0)
            at = len(text) - part
        text = text[:at]
    return text.rstrip("\ufffd").rstrip()


def _event(told: dict[str, Any]) -> str:
    return f"data: {json.dumps(told, ensure_ascii=False)}\n\n"
