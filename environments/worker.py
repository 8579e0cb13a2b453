"""Blocking engines in processes: one process an episode, so that asyncio goes on and nothing outlives an episode.

An engine is a file with ``prepare()``, run once, and a class ``Engine``, whose methods are called with plain data (what
JSON holds). All processes are forked from one that has done the slow part (``environments/forkserver.py``), so that a
fresh one costs milliseconds. They end when the episode ends, or when this process does, however that comes about.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from knowhow.environments import forkserver
from knowhow.environments.errors import EngineFailed

T = TypeVar("T")
ENGINE_TRIES = 3
"""How often the same is asked of a fresh engine where one fails: a killed browser costs an episode, not a result."""


class Worker:
    """One process with one engine. A call at a time; ``sound`` says that the last one has come back, with a value."""

    def __init__(self, connection: socket.socket, label: str) -> None:
        self._connection = connection
        self._label = label
        self.sound = True

    @property
    def gone(self) -> bool:
        """Has the process ended? Unasked it says nothing, so that all there may be to read is its end."""
        try:
            self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def close(self) -> None:
        """Hang up, which ends the process."""
        self._connection.close()

    async def ask(self, name: str, *arguments: Any) -> Any:
        """What the engine's method ``name`` returns. Raises: EngineFailed where it raises, or its process is gone."""
        self.sound = False
        try:
            reply = await self._exchange(json.dumps([name, arguments]).encode() + b"\n")
        except OSError as error:
            raise EngineFailed(f"the process of {self._label} is gone ({error}); open the episode again") from None
        if "error" in reply:
            raise EngineFailed(f"{self._label} failed at {name}: {reply['error']}")
        self.sound = True
        return reply["value"]

    async def _exchange(self, request: bytes) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._connection, request)
        parts: list[bytes] = []
        while not (parts and parts[-1].endswith(b"\n")):
            parts.append(await loop.sock_recv(self._connection, 1 << 16))
            if not parts[-1]:
                raise ConnectionError("killed, crashed, or stuck for too long")
        return dict(json.loads(b"".join(parts)))


class Workers:
    """Processes for the engine in the file ``engine``; none before the first is asked for.

    ``label`` names the engine in errors. ``seconds``: how long one call may take before its process is given up.
    ``environ``: environment variables for the processes, beside this one's.
    """

    def __init__(
        self, engine: Path, *, label: str, seconds: int = 120, environ: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._command = [sys.executable, "-P", forkserver.__file__, str(engine), str(seconds)]
        self._environ = environ
        self._label = label
        self._lock = threading.Lock()
        self._server: _Server | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Worker]:
        """A worker of its own, gone at the end of the block."""
        with closing(self.start()) as worker:
            yield worker

    def start(self) -> Worker:
        """A worker, to be closed by who asks for it."""
        return Worker(self._fork(), self._label)

    def _fork(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs, self._lock:
            if self._server is None or not self._server.fork(theirs):
                self._server = _Server(self._command, {**os.environ, **self._environ})
                self._server.fork(theirs)
        return ours


class _Server:
    """The process that the others are forked from; it ends with this object, or with this process."""

    def __init__(self, command: list[str], environ: Mapping[str, str]) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            quiet = subprocess.DEVNULL  # engines print
            process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=quiet, stderr=quiet, env=environ)
        weakref.finalize(self, _end, self._control, process)

    def fork(self, connection: socket.socket) -> bool:
        """Start one process that answers on ``connection``; False where this one is gone."""
        try:
            return bool(socket.send_fds(self._control, [b"."], [connection.fileno()]))
        except OSError:
            return False


def _end(control: socket.socket, process: subprocess.Popen[bytes]) -> None:
    control.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def at_once(question: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns, for who cannot await it: it runs in a thread of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, question).result()
