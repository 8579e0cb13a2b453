"""``ray``: on a Ray cluster, a process a core; this process alone writes the run folder, reflects and trains.

Which episode goes where changes nothing of it, because an episode is decided by its task, seed, memory and model. One
whose worker dies is played again by another, and told once. The model is asked by the workers themselves.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

from knowhow.agents import tracing
from knowhow.agents.episode import Agent, broken
from knowhow.agents.types import Attempt, Start
from knowhow.environments.discover import at_least
from knowhow.environments.errors import BadSetting, KnowhowError, MissingExtra
from knowhow.environments.types import Task, Trajectory
from knowhow.evals.engine import Cast
from knowhow.evals.parcel import Parcel, Snapshots
from knowhow.evals.player import Player, Purse
from knowhow.evals.settings import Settings

TRIES = 5
"""An episode whose worker dies so often is given up: it may well be what kills them."""
_CLOSE_S = 10.0
_log = logging.getLogger(__name__)


class Ray:
    """``address`` is a cluster's (by default that of RAY_ADDRESS or of this machine, and where there is none, one is
    started here and ended with the run); ``workers`` how many processes play (0: one a core, as many as are of use).

    This process must run on a machine of the cluster, and Knowhow, the suite's engine and the model's key must be on
    all of them. Raises: MissingExtra, BadSetting.
    """

    def __init__(self, *, address: str = "", workers: int = 0) -> None:
        at_least(0, workers=workers)
        self._address, self._workers = address, workers
        self._crew: _Crew | None = None

    def check(self, settings: Settings) -> None:
        if importlib.util.find_spec("ray") is None:
            raise MissingExtra("--engine ray needs the package ray; run: pip install 'knowhow-agents[ray]'")
        if settings.cache:
            raise BadSetting(f"--cache {settings.cache} is a file of one machine; leave it out with --engine ray")
        if tracing.target() == tracing.ELSEWHERE:
            raise BadSetting("players on other machines cannot write to the file of --trace; use --trace otlp")

    def attempt(self, cast: Cast, uri: str) -> Attempt:
        self.check(cast.settings)
        if self._crew is None:
            self._crew = _Crew(self._address, self._workers, cast.settings)
        return self._crew.attempt(cast, uri)

    def close(self) -> None:
        if self._crew is not None:
            self._crew.close()
            self._crew = None


class _Crew:
    """The processes that play, and the purse that they share. In ``_free`` stands each of them once for every episode
    that it may play at a time, or what kept one from starting."""

    def __init__(self, address: str, workers: int, settings: Settings) -> None:
        self._ray, self._own = _connected(address)
        self._settings = settings
        cores = int(self._ray.cluster_resources().get("CPU", 1))
        self._size = workers or max(1, min(cores, settings.concurrency))
        self._each = ceil(settings.concurrency / self._size)
        self._purse = self._actor(Purse, num_cpus=0, scheduling_strategy=_here(self._ray)).remote()
        self._snapshots = Snapshots(self._ray.put)
        self._cast: Cast | None = None
        self._parcel: Any = None
        self._players: set[Any] = set()
        self._hiring: set[asyncio.Task[None]] = set()

    @cached_property
    def _free(self) -> asyncio.Queue[Any]:
        """Made where episodes are played, because a queue belongs to one event loop."""
        for _ in range(self._size):
            self._hire()
        return asyncio.Queue()

    def attempt(self, cast: Cast, uri: str) -> Attempt:
        meter, parcel = cast.model.meter, self._sent(cast)
        labels = Agent(cast.model, meter, model=uri, memory_version=cast.memory_version, tag=cast.tag)

        async def attempt(task: Task, start: Start) -> Trajectory:
            try:
                played = await self._played(lambda player: player.play.remote([parcel], uri, task, start), task)
                meter.add(await self._purse.taken.remote())
            except self._ray.exceptions.RayError as error:
                raise KnowhowError(f"the Ray cluster is gone ({type(error).__name__}); start it and resume") from None
            return played or broken(labels, task, start, f"its worker died, {TRIES} times")

        return attempt

    def _sent(self, cast: Cast) -> Any:
        """Where the workers find what the episodes of ``cast`` have in common; the purse is theirs from then on."""
        if self._cast is not cast:
            meter = cast.model.meter
            self._cast, self._parcel = cast, self._ray.put(Parcel.of(cast, self._snapshots))
            self._ray.get(self._purse.begin.remote(meter.budget, meter.total))
        return self._parcel

    async def _played(self, ask: Callable[[Any], Any], task: Task) -> Trajectory | None:
        """What a worker plays; another one where it dies. None where they all do."""
        for _ in range(TRIES):
            player = await self._next()
            try:
                played: Trajectory = await ask(player)
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except self._ray.exceptions.RayError as error:
                _log.warning("a worker is gone (%s); %s is played again", type(error).__name__, task.id)
                self._replace(player)
            else:
                self._free.put_nowait(player)
                return played
        return None

    async def _next(self) -> Any:
        player = await self._free.get()
        if isinstance(player, Exception):
            self._free.put_nowait(player)  # for the others that wait
            raise player
        return player if player in self._players else await self._next()

    def _replace(self, player: Any) -> None:
        if player in self._players:
            self._players.discard(player)
            self._ray.kill(player)
            self._hire()

    def _hire(self) -> None:
        task = asyncio.get_running_loop().create_task(self._hired())
        self._hiring.add(task)
        task.add_done_callback(self._hiring.discard)

    async def _hired(self) -> None:
        """A new worker, free as soon as it is ready, which it is once the cluster has a core for it."""
        player = self._actor(Player, num_cpus=1, max_concurrency=self._each + 1).remote()
        self._players.add(player)
        traced = tracing.target() == tracing.OTLP
        try:
            pid = await player.ready.remote(self._settings, tracing.RUN.get(), str(Path.cwd()), self._purse, traced)
        except self._ray.exceptions.RayTaskError as error:
            self._free.put_nowait(error.cause)
        except self._ray.exceptions.RayError:
            self._replace(player)
        else:
            _log.info("a worker is ready", extra={"said": {"pid": pid}})
            for _ in range(self._each):
                self._free.put_nowait(player)

    def _actor(self, made: type, **options: Any) -> Any:
        return self._ray.remote(made).options(**options)

    def close(self) -> None:
        for task in self._hiring:
            task.cancel()
        with suppress(Exception):
            self._ray.wait(
                [player.close.remote() for player in self._players], num_returns=len(self._players), timeout=_CLOSE_S
            )
        for actor in (*self._players, self._purse):
            self._ray.kill(actor)
        if self._own:
            self._ray.shutdown()


def _connected(address: str) -> tuple[Any, bool]:
    """Ray, and whether it was connected here. Raises: BadSetting where there is no such cluster."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        return ray, False
    try:
        _knock(address or os.environ.get("RAY_ADDRESS", ""))
        ray.init(address=address or None, log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        why = " ".join(str(error).split())[:200]
        raise BadSetting(
            f"no Ray cluster at {address or 'this machine'} ({why}); start one: ray start --head"
        ) from None
    return ray, True


def _knock(address: str) -> None:
    """Ray itself would try for minutes. Raises: OSError where nobody listens at ``HOST:PORT``."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CLOSE_S).close()


def _here(ray: Any) -> Any:
    """On this machine, which the run ends with anyway."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
