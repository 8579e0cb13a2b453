"""The server of ``knowhow serve``."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from knowhow.agents.local.chat import Chat, Reply
from knowhow.agents.local.conversations import Prompt
from knowhow.agents.local.engine import Engine
from knowhow.agents.local.serving.asked import Asked, read_request
from knowhow.agents.local.serving.models import Models
from knowhow.agents.local.serving.record import Record
from knowhow.agents.local.serving.refusal import Refusal, response
from knowhow.agents.local.serving.streaming import Tell, events
from knowhow.agents.local.serving.told import completion
from knowhow.environments.remote.http import Guard, run, told

T = TypeVar("T")

BODY = 32 << 20
"""Bytes in one request at most."""


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model is served.

    ``name``: what it is called. ``port`` 0 takes a free one. ``token``: the key that every request has to carry, empty
    for none. ``adapters``: what is loaded at the start, by name. ``record``: the folder that keeps what was sampled,
    None for nowhere.
    """

    name: str
    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""
    adapters: Mapping[str, Path] = field(default_factory=dict)
    record: Path | None = None


async def serve(engine: Engine, how: Serving, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is told the URL, which ends in ``/v1``.

    Raises: BadSetting for an address that is not to be had, and for adapters that cannot be loaded.
    """
    for name, path in how.adapters.items():
        engine.load_adapter(name, path)
    app = application(engine, how)
    await run(app, how.host, how.port, lambda url: ready(f"{url}/v1"), most_bytes=BODY)


def application(engine: Engine, how: Serving) -> Starlette:
    """The model as an ASGI application."""
    record = None if how.record is None else Record(how.record)
    models = Models(engine, how.name, how.adapters)
    service = _Service(Chat(engine), models, record)

    async def health(request: Request) -> Response:
        return Response()

    async def listed(request: Request) -> Response:
        return JSONResponse(models.listed())

    async def load(request: Request) -> Response:
        return PlainTextResponse(await models.load(await told(request, BODY)))

    async def unload(request: Request) -> Response:
        return PlainTextResponse(await models.unload(await told(request, BODY)))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            if record is not None:
                record.close()

    routes = [
        Route("/health", health),
        Route("/v1/models", listed),
        Route("/v1/chat/completions", _answering(service.chat), methods=["POST"]),
        Route("/v1/load_lora_adapter", _answering(load), methods=["POST"]),
        Route("/v1/unload_lora_adapter", _answering(unload), methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, token=how.token)], lifespan=lifespan)


def _answering(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """A handler as an endpoint; what it raises is told in one line."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception as error:
            return response(error)

    return endpoint


class _Service:
    """Answers chat requests, and records the replies."""

    def __init__(self, chat: Chat, models: Models, record: Record | None) -> None:
        self._chat, self._models, self._record = chat, models, record

    async def chat(self, request: Request) -> Response:
        asked = read_request(await told(request, BODY))
        adapter = self._models.adapter(asked.model)
        asked = replace(asked, model=asked.model or self._models.base)
        prompt = self._chat.prompt(asked.messages, asked.tools, asked.begun)
        return await self._answered(f"chatcmpl-{uuid.uuid4().hex}", asked, prompt, adapter, request)

    async def _answered(self, id: str, asked: Asked, prompt: Prompt, adapter: str, request: Request) -> Response:
        tokenizer = self._chat.engine.tokenizer

        async def answer(number: int, tell: Tell | None = None) -> Reply:
            sampling = replace(asked.sampling, seed=asked.sampling.seed + number)
            reply = await self._chat.answer(prompt, sampling, adapter, tools=bool(asked.tools), tell=tell)
            if self._record is not None:
                label = f"{self._models.base}@{adapter}" if adapter else self._models.base
                self._record.add(id, label, sampling, reply)
            return reply

        if asked.stream:
            chunks = events(id, asked, prompt.ids, answer, tokenizer)
            return StreamingResponse(chunks, media_type="text/event-stream")
        replies = await _while_connected(asyncio.gather(*map(answer, range(asked.count))), request)
        return JSONResponse(completion(id, asked, replies, tokenizer))


async def _while_connected(work: asyncio.Future[T], request: Request) -> T:
    """The result of ``work``, which ends with its client's connection: nobody is left who would read it."""
    gone = asyncio.create_task(_gone(request))
    either: list[asyncio.Future[Any]] = [work, gone]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise Refusal("the client is gone", 499)
        return await work
    finally:
        work.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while not await request.is_disconnected():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.5)
