"""The open episodes of a server: each in a task of its own, at most so many, and none for ever."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any, TypeVar

from knowhow.environments.errors import EpisodeOver, KnowhowError
from knowhow.environments.types import Feedback, Suite, Task, Tool, ToolCall

T = TypeVar("T")


class ServerFull(KnowhowError):
    """The server holds as many episodes as it may."""


class Session:
    """One episode, opened, stepped and closed in one task, since some engines must be left where they were entered.

    It ends by ``close``, by an error, and where ``idle_s`` seconds go by without a step.
    """

    def __init__(self, suite: Suite, task: Task, seed: int, idle_s: float) -> None:
        self.id = secrets.token_hex(8)
        self.steps = 0
        self._idle_s = idle_s
        self._calls: asyncio.Queue[tuple[ToolCall, asyncio.Future[Feedback]]] = asyncio.Queue()
        self._begun: asyncio.Future[tuple[Sequence[Tool], Feedback]] = asyncio.get_running_loop().create_future()
        self.ended = asyncio.create_task(self._play(suite, task, seed))

    async def begin(self) -> tuple[Sequence[Tool], Feedback]:
        """The tools and the first feedback."""
        return await self._until_ended(self._begun)

    async def step(self, call: ToolCall) -> Feedback:
        answer: asyncio.Future[Feedback] = asyncio.get_running_loop().create_future()
        self._calls.put_nowait((call, answer))
        self.steps += 1
        return await self._until_ended(answer)

    async def close(self) -> None:
        self.ended.cancel()
        await asyncio.wait([self.ended])

    async def _until_ended(self, answer: asyncio.Future[T]) -> T:
        either: set[asyncio.Future[Any]] = {answer, self.ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        answer.cancel()
        if not self.ended.cancelled() and (error := self.ended.exception()) is not None:
            raise error
        raise EpisodeOver(f"the session {self.id} is closed; open another one")

    async def _play(self, suite: Suite, task: Task, seed: int) -> None:
        async with suite.open(task, seed=seed) as env:
            first = await env.reset()
            self._begun.set_result((env.tools, first))
            while True:
                try:
                    call, answer = await asyncio.wait_for(self._calls.get(), self._idle_s)
                except TimeoutError:
                    return
                answer.set_result(await env.step(call))


class Sessions:
    """At most ``most`` episodes at a time, each forgotten when it ends."""

    def __init__(self, suite: Suite, *, most: int, idle_s: float) -> None:
        self._suite, self._most, self._idle_s = suite, most, idle_s
        self._open: dict[str, Session] = {}

    def start(self, task: Task, seed: int) -> Session:
        """Raises: ServerFull."""
        if len(self._open) >= self._most:
            raise ServerFull(f"the server plays {self._most} episodes already; try again when one has ended")
        session = Session(self._suite, task, seed, self._idle_s)
        self._open[session.id] = session
        session.ended.add_done_callback(lambda task: self._forget(session.id, task))
        return session

    def get(self, id: object) -> Session:
        """Raises: EpisodeOver where there is no such session, or no longer."""
        if isinstance(id, str) and id in self._open:
            return self._open[id]
        raise EpisodeOver(f"there is no session {id!r:.60}; it was closed, or left alone for over {self._idle_s:g} s")

    def _forget(self, id: str, ended: asyncio.Task[None]) -> None:
        del self._open[id]
        if not ended.cancelled():
            ended.exception()  # who waited for it was told

    async def close(self) -> None:
        """End them all."""
        await asyncio.gather(*(session.close() for session in tuple(self._open.values())))
