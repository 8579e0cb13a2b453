"""Workers that are used again: for engines that are slow to start and can begin another episode."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from knowhow.environments.errors import EngineFailed
from knowhow.environments.worker import ENGINE_TRIES, Worker, Workers


class Pool:
    """Hands out workers one at a time each, and keeps at most ``kept`` of those that come back.

    A worker that failed, or that was left while it worked, is not used again, nor is one after ``uses`` episodes. Those
    that are kept end with this object, or with this process, however that comes about.
    """

    def __init__(self, workers: Workers, *, kept: int = 4, uses: int = 50) -> None:
        self._workers = workers
        self._kept = kept
        self._uses = uses
        self._free: list[tuple[Worker, int]] = []
        weakref.finalize(self, _close, self._free)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Worker]:
        """A worker, new or used, for the block."""
        worker, used = self._take()
        try:
            yield worker
        except BaseException:
            worker.close()
            raise
        if worker.sound and used + 1 < self._uses and len(self._free) < self._kept:
            self._free.append((worker, used + 1))
        else:
            worker.close()

    async def ask(self, name: str, *arguments: Any) -> Any:
        """What the method ``name`` of any engine returns; of another one where it fails.

        Raises: EngineFailed where it fails every time.
        """
        for _ in range(ENGINE_TRIES):
            try:
                async with self.open() as worker:
                    return await worker.ask(name, *arguments)
            except EngineFailed as error:
                failed = error
        raise failed

    def _take(self) -> tuple[Worker, int]:
        """One that waits and is still there, or a new one. Threads may take at once."""
        while self._free:
            try:
                worker, used = self._free.pop()
            except IndexError:
                break
            if not worker.gone:
                return worker, used
            worker.close()
        return self._workers.start(), 0


def _close(free: list[tuple[Worker, int]]) -> None:
    for worker, _ in free:
        worker.close()
