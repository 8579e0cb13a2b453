"""One session at an MCP server, over its standard streams or over streamable HTTP (the official SDK, ``mcp`` 2.3)."""

from __future__ import annotations

import asyncio
import base64
import logging
import math
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO, cast
from urllib.parse import urlsplit

from knowhow.environments.errors import EngineFailed
from knowhow.environments.remote.openenv_actions import told
from knowhow.environments.remote.place import TOKEN, is_loopback

TIED = Path(__file__).with_name("tied.py")
LONGEST = 20_000
"""Characters of an observation; what goes beyond is cut off, and said to be."""
ALIVE_S = 10
"""How long a server may take to show that it is still there."""
CLOSE_S = 5
PAGES = 100
"""Of a list of tools; a list that never ends must not keep an episode waiting."""


@dataclass(frozen=True)
class McpServer:
    """Where sessions come from: a program to start, or the address of a server.

    ``environ`` names the variables that a program gets beside PATH, HOME and the like. ``start`` is how many seconds it
    may take to be ready, ``seconds`` how many for a reply.
    """

    words: Sequence[str]
    url: str
    environ: Sequence[str]
    start: float
    seconds: float

    @property
    def label(self) -> str:
        return self.url or " ".join(self.words)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[McpSession]:
        """A fresh one. Raises: EngineFailed where there is no server, or none that is ready in time."""
        import anyio
        from mcp import Client  # which takes a while, before the clock starts

        logging.getLogger("mcp.client.stdio").addFilter(_without_traceback)
        over = asyncio.Event()
        ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        scope = anyio.CancelScope(deadline=anyio.current_time() + self.start)
        with tempfile.TemporaryFile("w+") as errors:
            holder = asyncio.create_task(_hold(Client(self._transport(errors)), scope, ready, over))
            try:
                await asyncio.wait({ready, holder}, return_when=asyncio.FIRST_COMPLETED)
                if not ready.done():
                    raise self._unready(holder, errors)
                yield McpSession(ready.result(), self, errors)
            finally:
                over.set()
                if not ready.done():
                    scope.cancel()
                await asyncio.wait({holder})
                if not holder.cancelled():
                    holder.exception()  # who asked after it was told

    def _transport(self, errors: IO[str]) -> AbstractAsyncContextManager[Any]:
        from mcp.client.stdio import StdioServerParameters, stdio_client

        if self.url:
            return _over_http(self.url)
        words = [*self.words]
        if sys.platform == "linux":
            words = [sys.executable, "-I", "-S", str(TIED), str(os.getpid()), *words]
        env = {name: os.environ[name] for name in self.environ if name in os.environ}
        return stdio_client(
            StdioServerParameters(command=words[0], args=words[1:], env=env), errlog=cast(TextIO, errors)
        )

    def _unready(self, holder: asyncio.Task[None], errors: IO[str]) -> EngineFailed:
        failure = None if holder.cancelled() else holder.exception()
        if failure is None:
            return EngineFailed(
                f"the MCP server {self.label} was not ready within {self.start:g} s (see start=...){_last_said(errors)}"
            )
        return EngineFailed(f"the MCP server {self.label} cannot be used: {_why(failure)}{_last_said(errors)}")


class McpSession:
    """The tools of one server, for one episode."""

    def __init__(self, client: Any, server: McpServer, errors: IO[str]) -> None:
        self._client, self._server, self._errors = client, server, errors

    @property
    def instructions(self) -> str:
        """What the server says about the use of its tools; often nothing."""
        return told({"": self._client.instructions}, LONGEST) if self._client.instructions else ""

    async def tools(self) -> list[Mapping[str, Any]]:
        """Each with name, description and input_schema. Raises: EngineFailed."""
        found: list[Mapping[str, Any]] = []
        cursor: str | None = None
        for _ in range(PAGES):
            page = await self._needed(self._client.list_tools(cursor=cursor), self._server.seconds)
            found += [tool.model_dump() for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                break
        return found

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """What a tool says, errors too; a call that takes too long is given up. Raises: EngineFailed where the server
        is gone, or answers nothing any more."""
        from mcp import MCPError

        try:
            async with asyncio.timeout(self._server.seconds):
                result = await self._client.call_tool(name, dict(arguments))
        except TimeoutError:
            said = f"There was no answer within {self._server.seconds:g} s; the call was given up."
        except MCPError as error:
            said = f"The server refuses the call: {error.message}"
        except Exception as error:  # whatever lies below the SDK
            said = f"The call failed: {_why(error)}"
        else:
            return _told(result)
        await self._needed(self._client.list_tools(cache_mode="bypass"), ALIVE_S)
        return told({"": said}, LONGEST)

    async def _needed(self, asked: Awaitable[Any], seconds: float) -> Any:
        try:
            async with asyncio.timeout(seconds):
                return await asked
        except TimeoutError:
            why = f"it did not answer within {seconds:g} s"
        except Exception as error:  # whatever lies below the SDK
            why = _why(error)
        raise EngineFailed(f"the MCP server {self._server.label} is gone ({why}){_last_said(self._errors)}")


def _without_traceback(record: logging.LogRecord) -> bool:
    """What a program prints among its messages is a line in the log, and not a traceback of the SDK's."""
    record.exc_info = None
    return True


async def _hold(opening: Any, scope: Any, ready: asyncio.Future[Any], over: asyncio.Event) -> None:
    """Be the one task that a connection is opened and closed in, as anyio asks for; others make the calls."""
    import anyio

    with scope:
        async with opening as client:
            scope.deadline = math.inf
            ready.set_result(client)
            await over.wait()
            scope.deadline = anyio.current_time() + CLOSE_S


@asynccontextmanager
async def _over_http(url: str) -> AsyncIterator[Any]:
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    token = os.environ.get(TOKEN)
    async with (
        httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx2.Timeout(None, connect=10),  # how long a reply may take is seen to above
            trust_env=not is_loopback(urlsplit(url).hostname or ""),  # no proxy stands between here and here
        ) as client,
        streamable_http_client(url, http_client=client) as streams,
    ):
        yield streams


def _told(result: Any) -> str:
    """A result as text; of what is no text, what it is."""
    said = "\n".join(_part(part) for part in result.content) or result.structured_content
    if result.is_error:
        said = f"Error: {said or 'the tool failed'}"
    return told({"": said}, LONGEST)


def _part(part: Any) -> str:
    if part.type == "text":
        return str(part.text)
    if part.type == "resource_link":
        return f"[resource {part.name}: {part.uri}]"
    if part.type == "resource":
        inner = part.resource
        text = getattr(inner, "text", None)
        return f"[resource {inner.uri}]\n{text}" if text is not None else _bytes(f"resource {inner.uri}", inner, "blob")
    return _bytes(part.type, part, "data")


def _bytes(what: str, part: Any, field: str) -> str:
    size = len(base64.b64decode(getattr(part, field, "") or ""))
    return f"[{what}, {getattr(part, 'mime_type', None) or 'of no known type'}, {size:,} bytes]"


def _why(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return " ".join(str(error).split()) or type(error).__name__


def _last_said(errors: IO[str]) -> str:
    """The last line that a program wrote to its standard error, without moving where it writes."""
    size = os.fstat(errors.fileno()).st_size
    lines = os.pread(errors.fileno(), 2000, max(0, size - 2000)).decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"; it said: {last:.300}" if last else ""
