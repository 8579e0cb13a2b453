"""A real HTTP server of OpenAI's chat protocol on loopback, with scripted replies and injected faults.

    with OpenAIServer(lambda request, index: Reply(calls=[("do", {"command": "look"})])) as server:
        model = load_model(f"vllm:any@{server.url}")

The script is called with the request's JSON and its number, counted from 0 over all chat requests. It returns what to
answer: text, a ``Reply``, or a ``Fault``. ``server.requests`` are the requests that arrived whole, in order of arrival.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Usage = Mapping[str, Any]
COUNTED: Usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}


@dataclass(frozen=True)
class Reply:
    """A chat completion. ``calls`` are (name, arguments), the arguments as a mapping or as raw text."""

    text: str = ""
    calls: Sequence[tuple[str, Mapping[str, Any] | str]] = ()
    usage: Usage | None = field(default_factory=lambda: COUNTED)
    delay_s: float = 0.0


@dataclass(frozen=True)
class Fault:
    """What goes wrong instead: a ``status`` with an error ``message``, a raw ``body``, a ``dropped`` connection.

    With a ``body``, the connection is dropped after it.
    """

    status: int = 500
    message: str = "injected"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    error: Mapping[str, Any] = field(default_factory=dict)
    dropped: bool = False
    delay_s: float = 0.0


TRUNCATED = Fault(status=200, body='{"id": "x", "object": "chat.completion", "choices": [{"index": 0, "mess')
Script = Callable[[dict[str, Any], int], str | Reply | Fault]


class OpenAIServer:
    """Serves from a thread of its own between ``__enter__`` and ``__exit__``; ``url`` ends in ``/v1``."""

    def __init__(self, script: Script, models: Sequence[str] = ("scripted",)) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self._script = script
        self._models = models
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> OpenAIServer:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=1024)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._converse(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; False where the connection ends."""
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if first.startswith("GET"):
            _write(writer, 200, json.dumps({"object": "list", "data": [{"id": model} for model in self._models]}))
            return True
        request = json.loads(body)
        self.requests.append(request)
        self.headers.append(headers)
        index = len(self.requests) - 1
        answer = self._script(request, index)
        reply = Reply(answer) if isinstance(answer, str) else answer
        await asyncio.sleep(reply.delay_s)
        if isinstance(reply, Reply):
            _write(writer, 200, json.dumps(completion(reply, index, request.get("model", ""))))
        elif not reply.dropped or reply.body is not None:
            error = {"error": {"message": reply.message, "type": "injected", **reply.error}}
            _write(writer, reply.status, json.dumps(error) if reply.body is None else reply.body, reply.headers)
        return isinstance(reply, Reply) or not reply.dropped


def completion(reply: Reply, index: int, model: str) -> dict[str, Any]:
    """The reply as a ``chat.completion`` object."""
    calls = [
        {
            "id": f"call_{index}_{number}",
            "type": "function",
            "function": {"name": name, "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments)},
        }
        for number, (name, arguments) in enumerate(reply.calls)
    ]
    message = {"role": "assistant", "content": reply.text or None, **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    counted = {} if reply.usage is None else {"usage": dict(reply.usage)}
    return {
        "id": f"chatcmpl-{index}",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [choice],
        **counted,
    }


def _write(writer: asyncio.StreamWriter, status: int, body: str, headers: Mapping[str, str] = {}) -> None:
    raw = body.encode()
    given = {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    writer.write(f"HTTP/1.1 {status} Scripted\r\n{head}\r\n".encode() + raw)
