"""Asynchronous work, an episode say, from what is not asynchronous: a recipe, or a trainer's callback."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns or raises; in a thread of its own where this one runs an event loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1) as thread, asyncio.Runner(loop_factory=lambda: loop) as runner:
        task = thread.submit(runner.run, work)
        try:
            return task.result()
        except KeyboardInterrupt:
            for running in asyncio.all_tasks(loop):
                loop.call_soon_threadsafe(running.cancel)
            raise
