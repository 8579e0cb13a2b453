"""Untrusted code in a process of its own, with limits: run it, or let it ask the host for what it needs.

Every run is a fresh process behind the walls of ``environments/walls.py``. Its time, memory, disk, processes and output
are bounded; what goes over is killed with all that it started. What comes back is text or JSON, read with a limit and
never evaluated. A lint of the source would be a hint, not a wall, and is not done.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from knowhow.environments import guest
from knowhow.environments.errors import BadSetting
from knowhow.environments.limits import Limits
from knowhow.environments.walls import Started, walled

__all__ = ["Conversation", "Limits", "Outcome", "converse", "run_python"]

START_S = 60
"""How long the walls may take to stand, on a busy machine; the guest's own time begins then."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: ``why`` says in one line why it is not ``ok``. Output that is no UTF-8 is replaced."""

    ok: bool
    stdout: str = ""
    stderr: str = ""
    why: str = ""


async def run_python(
    source: str, *, limits: Limits | None = None, files: Mapping[str, str] = _NOTHING, stdin: str = ""
) -> Outcome:
    """Run a program to its end. ``files`` lie in its folder, by name. Whatever the program does is an ``Outcome``.

    Raises: BadSetting for a file's name that leads out of the folder.
    """
    async with _start(source, limits or Limits(), files, talks=False) as guest:
        out = bytearray()
        async with guest.time():
            await asyncio.gather(
                guest.collect(guest.reader, out), guest.tell(stdin.encode("utf-8", "replace"), last=True)
            )
        return await guest.end(out)


@asynccontextmanager
async def converse(source: str, *, limits: Limits | None = None) -> AsyncIterator[Conversation]:
    """Run a program that asks the host: in it, ``ask(request)`` sends a JSON value and returns the one replied.

    ``async for request in conversation: await conversation.reply(value)``. Whoever leaves the block kills the program.
    """
    async with _start(source, limits or Limits(), _NOTHING, talks=True) as guest:
        yield Conversation(guest)


class Conversation:
    """The requests of a running program, one at a time: JSON values, which may be anything. Once there are no more,
    ``outcome`` tells how it ended; what it printed is in ``stderr``."""

    def __init__(self, guest: _Guest) -> None:
        self._guest = guest
        self.outcome: Outcome | None = None

    def __aiter__(self) -> Conversation:
        return self

    async def __anext__(self) -> Any:
        if self.outcome is None:
            line = await self._guest.line()
            try:
                if line:
                    return _value(line)
            except (ValueError, RecursionError):
                self._guest.condemn(f"what it asked is no JSON: {line[:60]!r}")
            self.outcome = await self._guest.end()
        raise StopAsyncIteration

    async def reply(self, value: Any) -> None:
        """Answer the last request. A program that has ended or does not listen is no error: its requests end."""
        async with self._guest.time():
            await self._guest.tell(json.dumps(value).encode() + b"\n")


class _Guest:
    """A process and the ends of its pipes. Its first fault ends it, and is what its outcome tells."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        limits: Limits,
        reader: asyncio.StreamReader,
        writers: tuple[asyncio.StreamWriter, ...],
        errors: asyncio.StreamReader,
    ) -> None:
        self.reader = reader
        self._process, self._limits, self._writers = process, limits, writers
        self._left, self._fault, self._said = limits.seconds, "", bytearray()
        self._saying = asyncio.ensure_future(self.collect(errors, self._said))

    async def stands(self) -> None:
        """Wait for the sign that it has begun. One that ends before tells why in the end."""
        try:
            async with asyncio.timeout(START_S):
                await self.reader.read(1)
        except TimeoutError:
            self.condemn(f"the sandbox took longer than {START_S} seconds to start")
        except ConnectionError:
            pass

    @asynccontextmanager
    async def time(self) -> AsyncIterator[None]:
        """What is done in here is done in the guest's own time; it is up when that is."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._left):
                yield
        except TimeoutError:
            self.condemn(f"it took longer than {self._limits.seconds:g} seconds")
        finally:
            self._left -= time.monotonic() - began

    async def collect(self, reader: asyncio.StreamReader, into: bytearray) -> None:
        """All that comes, up to the limit."""
        most = self._limits.output_kb << 10
        with suppress(ConnectionError):
            while part := await reader.read(1 << 16):
                into += part[: most - len(into)]
                if len(into) >= most:
                    self.condemn(f"it wrote more than {self._limits.output_kb} KB")

    async def line(self) -> bytes:
        """The next line; empty where there is none."""
        line = b""
        async with self.time():
            try:
                line = await self.reader.readline()
            except ValueError:
                self.condemn(f"it asked more than {self._limits.output_kb} KB at once")
            except ConnectionError:
                pass
        return line if line.endswith(b"\n") else b""

    async def tell(self, data: bytes, *, last: bool = False) -> None:
        with suppress(OSError):
            self._writers[0].write(data)
            await self._writers[0].drain()
            if last:
                self._writers[0].write_eof()

    async def end(self, out: bytes | bytearray = b"") -> Outcome:
        """How it ended, once it has, or has to."""
        async with self.time():
            await asyncio.to_thread(self._process.wait)
        self.kill()
        status = await asyncio.to_thread(self._process.wait)
        await self._saying
        said = _text(self._said)
        why = self._fault or (_reason(status, said, self._limits) if status else "")
        return Outcome(not why, _text(out), said, why)

    def condemn(self, why: str) -> None:
        self._fault = self._fault or why
        self.kill()

    def kill(self) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def close(self) -> None:
        self.kill()
        await asyncio.to_thread(self._process.wait)
        await self._saying
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def _start(source: str, limits: Limits, files: Mapping[str, str], *, talks: bool) -> AsyncIterator[_Guest]:
    _check_names(files)
    with walled(_guest_code(), limits) as start:
        order = {
            "source": source,
            "files": dict(files),
            "limits": limits.resources(start.processes),
            "keeper": start.keeper,
            "uid": start.uid,
            "talks": talks,
        }
        started = await _guest(start, limits)
        try:
            await started.stands()
            async with started.time():
                data = json.dumps(order).encode()
                await started.tell(b"%10d" % len(data) + data)
            yield started
        finally:
            await asyncio.shield(started.close())
            await asyncio.shield(asyncio.to_thread(start.end))


async def _guest(start: Started, limits: Limits) -> _Guest:
    # One for each way: a write that fails because nobody reads any more ends a connection, and what it has still to
    # give is lost.
    ours, theirs = zip(*(socket.socketpair() for _ in range(3)), strict=True)
    with theirs[0], theirs[1], theirs[2]:
        process = _process(start, *(one.fileno() for one in theirs))
    ours[0].shutdown(socket.SHUT_RD)
    _, writer = await asyncio.open_connection(sock=ours[0])
    reader, closing = await asyncio.open_connection(sock=ours[1], limit=limits.output_kb << 10)
    errors, last = await asyncio.open_connection(sock=ours[2])
    return _Guest(process, limits, reader, (writer, closing, last), errors)


def _process(start: Started, input: int, output: int, errors: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        start.command,
        stdin=input,
        stdout=output,
        stderr=errors,
        pass_fds=start.fds,
        cwd=start.folder,
        env=start.environ,
        start_new_session=True,
    )


def _check_names(files: Mapping[str, str]) -> None:
    for name in files:
        if "/" in name or "\0" in name or name in ("", ".", ".."):
            raise BadSetting(f"{name!r} is no name of a file in the sandbox's folder; give one without folders")


@cache
def _guest_code() -> str:
    return Path(guest.__file__).read_text(encoding="utf-8")


def _value(line: bytes) -> Any:
    """The JSON value of a line. Raises: ValueError where it is none, or holds text that is no Unicode."""
    value = json.loads(line)
    json.dumps(value, ensure_ascii=False).encode()
    return value


def _text(data: bytes | bytearray) -> str:
    return data.decode("utf-8", "replace")


def _reason(status: int, said: str, limits: Limits) -> str:
    number = -status if status < 0 else status - 128
    if number == signal.SIGXCPU:
        return f"it used more than {limits.cpu} seconds of processor time"
    if number == signal.SIGKILL:
        return "it was killed"
    lines = said.strip().splitlines()
    return lines[-1] if lines else f"it ended with status {status}"
