"""An event loop in a thread of its own, for what several event loops of this process share."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines in its own event loop, which starts with the first. It does not keep the process alive."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` returns, awaited from any other event loop; a cancellation reaches it."""
        return await asyncio.wrap_future(self.submit(work))

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start ``work``, from anywhere."""
        return asyncio.run_coroutine_threadsafe(work, self._started())

    def stop(self, last: Coroutine[Any, Any, Any], seconds: float) -> None:
        """Run ``last``, for at most so long, and end the thread. The next ``run`` starts another one."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is None:
            last.close()
            return
        ended = threading.Event()
        asyncio.run_coroutine_threadsafe(asyncio.wait_for(last, seconds), loop).add_done_callback(lambda _: ended.set())
        ended.wait(seconds + 1)
        loop.call_soon_threadsafe(loop.stop)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True).start()
            return self._loop
