"""Cancellation that holds: Ctrl-C ends the work also where something on its way swallowed it."""

from __future__ import annotations

import asyncio
from typing import Any


def heed(task: asyncio.Task[Any] | None = None, before: int = 0) -> None:
    """Raises: CancelledError where the task (None: the one that runs) was asked to end more than ``before`` times, and
    goes on all the same.

    The clean-up of a library's own tasks may swallow a cancellation that comes while one of them ends.
    """
    asked = task or asyncio.current_task()
    if asked is not None and asked.cancelling() > before:
        raise asyncio.CancelledError
