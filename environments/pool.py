"""Workers that are used again: for engines that are slow to start and can begin another episode."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from knowhow.environments.worker import Worker, Workers


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
        worker, used = self._free.pop() if self._free else (self._workers.start(), 0)
        try:
            yield worker
        except BaseException:
            worker.close()
            raise
        if worker.sound and used + 1 < self._uses and len(self._free) < self._kept:
            self._free.append((worker, used + 1))
        else:
            worker.close()


def _close(free: list[tuple[Worker, int]]) -> None:
    for worker, _ in free:
        worker.close()
