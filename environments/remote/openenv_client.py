"""One session at an OpenEnv server: the messages of its WebSocket (``EnvClient`` of openenv-core 0.3.0)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from knowhow.environments.errors import EngineFailed
from knowhow.environments.remote.link import PATIENCE_S
from knowhow.environments.remote.place import TOKEN, is_loopback

MOST = 100 << 20
"""Bytes in one message, as many as OpenEnv's own client takes."""
CLOSE_S = 5


class OpenEnvSession:
    """An environment of its own at the server, as long as the connection lasts."""

    def __init__(self, socket: ClientConnection, url: str, seconds: float) -> None:
        self._socket, self._url, self._seconds = socket, url, seconds

    async def ask(self, kind: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """The data of the reply: observation, reward, done. Raises: EngineFailed."""
        try:
            async with asyncio.timeout(self._seconds):
                with contextlib.suppress(ConnectionClosed):  # a server that is full says so unasked, and hangs up
                    await self._socket.send(json.dumps({"type": kind, "data": data}))
                reply = json.loads(await self._socket.recv())
        except TimeoutError:
            raise EngineFailed(
                f"the server at {self._url} did not answer {kind} within {self._seconds:g} s (see seconds=...)"
            ) from None
        except (ConnectionClosed, OSError) as error:
            raise EngineFailed(f"the server at {self._url} is gone ({error}); start it again") from None
        except ValueError as error:
            raise EngineFailed(f"the server at {self._url} answered {kind} with no JSON ({error})") from None
        return _data(reply, kind, self._url)

    async def close(self) -> None:
        """Say that it is over, and wait until the server has put its environment away."""
        with contextlib.suppress(TimeoutError, WebSocketException, OSError):
            async with asyncio.timeout(CLOSE_S):
                await self._socket.send(json.dumps({"type": "close"}))
                await self._socket.wait_closed()


class ServerFull(EngineFailed):
    """The server has no place for one more session."""


class Refused(EngineFailed):
    """The environment takes no such action; the session goes on."""


REFUSALS: Mapping[str, type[EngineFailed]] = {"CAPACITY_REACHED": ServerFull, "VALIDATION_ERROR": Refused}


@asynccontextmanager
async def session(url: str, seconds: float, data: Mapping[str, Any]) -> AsyncIterator[tuple[OpenEnvSession, Any]]:
    """A session that has been reset with ``data``, and what the reset told. At a full server it waits for ``seconds``.

    Raises: EngineFailed.
    """
    until = time.monotonic() + seconds
    while True:
        async with _connected(url, seconds) as socket:
            mine = OpenEnvSession(socket, url, seconds)
            try:
                first = await mine.ask("reset", data)
            except ServerFull:
                if time.monotonic() > until:
                    raise
                first = None
            if first is not None:
                try:
                    yield mine, first
                finally:
                    await mine.close()
                return
        await asyncio.sleep(PATIENCE_S)


@asynccontextmanager
async def _connected(url: str, seconds: float) -> AsyncIterator[ClientConnection]:
    place = urlsplit(url)
    here = f"{'wss' if place.scheme == 'https' else 'ws'}://{place.netloc}{place.path.rstrip('/')}/ws"
    token = os.environ.get(TOKEN)
    try:
        socket = await connect(
            here,
            open_timeout=min(seconds, 10),
            close_timeout=CLOSE_S,
            max_size=MOST,
            additional_headers={"Authorization": f"Bearer {token}"} if token else None,
            proxy=None if is_loopback(place.hostname or "") else True,
        )
    except (OSError, WebSocketException, TimeoutError) as error:
        raise EngineFailed(f"the server at {url} is not there, or no longer ({error}); start it again") from None
    try:
        yield socket
    finally:
        await socket.close()


def _data(reply: Any, kind: str, url: str) -> Mapping[str, Any]:
    data = reply.get("data") if isinstance(reply, dict) else None
    if not isinstance(data, dict):
        raise EngineFailed(f"the server at {url} answered {kind} with {reply!r:.100}")
    if reply.get("type") == "error":
        failed = REFUSALS.get(str(data.get("code")), EngineFailed)
        raise failed(f"the server at {url} said to {kind}: {data.get('message')} ({data.get('code')})")
    return data
