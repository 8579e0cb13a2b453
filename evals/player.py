"""What runs in the other processes of an engine: a player of episodes, and the purse that all players draw from."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from time import monotonic
from typing import Any

from knowhow.agents.metering import Budget, Meter, Request
from knowhow.agents.tracing import OTLP, RUN, traced
from knowhow.agents.types import Attempt, Start
from knowhow.environments.errors import BudgetExceeded
from knowhow.environments.types import Suite, Task, Trajectory, Usage
from knowhow.evals.engine import Cast, load
from knowhow.evals.parcel import Carried, Parcel
from knowhow.evals.settings import Settings
from knowhow.evals.stage import Mind, open_mind, open_suite
from knowhow.memory.store import Memory

_FOLDER = "knowhow-player-"
_TELL_S = 0.25
"""How much of what it spent may be unknown where a player is killed; a run with a limit knows all of it."""


class Player:
    """Plays episodes, several at a time, in an event loop of its own; it keeps no more than the last memory."""

    def ready(self, settings: Settings, run: str, place: str, purse: Any, trace: bool) -> int:
        """Get ready for the run of the id ``run``, in the folder ``place`` where there is one; returns its process id.

        Raises: what the settings name that is not there.
        """
        with suppress(OSError):
            os.chdir(place)
        self._settings, self._run = settings, run
        self._suite: Suite = open_suite(settings.suite)
        limits = (settings.budget_calls, settings.budget_tokens, settings.budget_usd)
        self._meter = Drawn(purse, any(limit is not None for limit in limits))
        self._model = load(settings, settings.model, self._meter)
        self._parcel: Any = None
        self._attempts: dict[str, Attempt] = {}
        self._mind: tuple[Any, Mind] | None = None
        self._lock = threading.Lock()
        self._left = ExitStack()
        self._left.enter_context(traced(OTLP if trace else ""))
        _sweep()
        self._folder = Path(self._left.enter_context(TemporaryDirectory(prefix=f"{_FOLDER}{os.getpid()}-")))
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        return os.getpid()

    def play(self, parcels: list[Any], uri: str, task: Task, start: Start) -> Trajectory:
        """One episode, of what lies in the first of the ``parcels``; all that it spent is told by then."""
        (parcel,) = parcels
        with self._lock:
            if parcel != self._parcel:
                self._cast, self._attempts = self._opened(_get(parcel)), {}
                self._parcel = parcel
            if uri not in self._attempts:
                self._attempts[uri] = self._cast.attempt(uri)
            attempt = self._attempts[uri]
        RUN.set(self._run)
        played = asyncio.run_coroutine_threadsafe(_played(attempt, task, start), self._loop).result()
        self._meter.settle()
        return played

    def close(self) -> None:
        if self._mind:
            self._mind[1].memory.close()
        self._left.close()

    def _opened(self, parcel: Parcel) -> Cast:
        recall = parcel.unpacked(self._remembered(parcel.mind) if parcel.mind else None)
        return Cast(self._settings, self._suite, self._model, recall, parcel.memory_version, parcel.tag)

    def _remembered(self, carried: Carried) -> Mind:
        """The mind over a journal; texts that an earlier one had are not embedded again."""
        if self._mind is None or self._mind[0] != carried.journal:
            if self._mind:
                self._mind[1].memory.close()
            for left in self._folder.glob("journal.db*"):
                left.unlink()
            (self._folder / "journal.db").write_bytes(_get(carried.journal))
            memory = Memory.open(self._folder, embedder=carried.settings.embedder)
            self._mind = carried.journal, open_mind(carried.settings, carried.banks, memory, self._model, self._suite)
        return self._mind[1]


class Purse:
    """The run's budget, while others spend it; the run's own meter is told what was ``taken``."""

    def begin(self, budget: Budget, spent: Usage) -> None:
        self._meter, self._told = Meter(budget, spent), spent
        self._open: dict[int, Request] = {}
        self._count = 0

    def reserve(self, expected: Usage) -> tuple[int, str]:
        """The number of a request, or why it cannot be made."""
        try:
            request = self._meter.reserve(expected)
        except BudgetExceeded as error:
            return 0, str(error)
        self._count += 1
        self._open[self._count] = request
        return self._count, ""

    def end(self, number: int, usage: Usage) -> None:
        request = self._open.pop(number, None)
        if request is not None:
            with request:
                request.answered(usage)

    def spend(self, usage: Usage) -> None:
        self._meter.add(usage)

    def taken(self) -> Usage:
        """What was spent since the last time that somebody asked."""
        told, self._told = self._told, self._meter.total
        return self._told - told


class Drawn(Meter):
    """The meter of one player. Where there is a limit, every request counts in the purse before it is sent; else the
    purse is told of many at once."""

    def __init__(self, purse: Any, limited: bool) -> None:
        super().__init__()
        self._purse, self._limited = purse, limited
        self._numbers: dict[Request, int] = {}
        self._unsent, self._sent = Usage(), 0.0
        self._last: Any = None

    def reserve(self, expected: Usage = Usage()) -> Request:  # noqa: B008 - it is immutable
        number = self._number(expected)
        request = super().reserve(expected)
        self._numbers[request] = number
        return request

    def settle(self) -> None:
        """Wait until the purse knows all that was spent."""
        with self._lock:
            self._send()
        if self._last is not None:
            _get(self._last)

    def _number(self, expected: Usage) -> int:
        if not self._limited:
            return 0
        number, why = _get(self._purse.reserve.remote(expected))
        if why:
            raise BudgetExceeded(why)
        return int(number)

    def _close(self, request: Request, usage: Usage) -> None:
        super()._close(request, usage)
        number = self._numbers.pop(request)
        if number:
            self._last = self._purse.end.remote(number, usage)
            return
        with self._lock:
            self._unsent += usage + Usage(calls=1)
            if monotonic() - self._sent > _TELL_S:
                self._send()

    def _send(self) -> None:
        if self._unsent != Usage():
            self._last = self._purse.spend.remote(self._unsent)
            self._unsent, self._sent = Usage(), monotonic()


async def _played(attempt: Attempt, task: Task, start: Start) -> Trajectory:
    return await attempt(task, start)


def _sweep() -> None:
    """Remove what players left on this machine that were killed."""
    for folder in Path(gettempdir()).glob(f"{_FOLDER}*"):
        pid = folder.name.removeprefix(_FOLDER).partition("-")[0]
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (ValueError, PermissionError):
            continue


def _get(reference: Any) -> Any:
    import ray

    return ray.get(reference)
