"""Training at test time: an uncertain case gets an adapter of its own, is played with it, and leaves nothing behind.

TT-SI (arXiv 2510.07841): the first attempt tells whether the agent is unsure; what it is trained on then are successes
of similar training tasks. No label of the case is looked at, neither to choose it nor to choose between attempts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from knowhow.agents.episode import Agent, play
from knowhow.agents.model import Model, parse_uri
from knowhow.agents.types import Attempt, Start
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite, Task, Trajectory
from knowhow.training.examples import all_whole
from knowhow.training.live import loaded
from knowhow.training.recipe import Job
from knowhow.training.recipes.test_time import TestTime, surprise
from knowhow.training.selecting import successes
from knowhow.training.settings import Tuning

METHOD = "test_time"
BRIEF = Tuning(steps=20, batch=4, rate=1e-3)
"""How an adapter for one episode is trained, where nothing else is said."""


def tuned_at_test_time(
    model: Model,
    suite: Suite,
    played: Sequence[Trajectory],
    recipe: TestTime = TestTime(),  # noqa: B008 - it is immutable
    tuning: Tuning = BRIEF,
    **labels: Any,
) -> Attempt:
    """An attempt by the model ``hf:PATH?options``, made again with an adapter of its own where the first was unsure.
    ``labels`` are what else an ``Agent`` has: ``recall``, ``memory_version``, ``tag``.

    ``played`` are training episodes of that model with samples: they say what is unsure for it, and hold the successes
    to learn from. A trajectory of two attempts counts them, with the usage and the seconds of both and of the training;
    its ``method`` tells.

    Raises: BadSetting for another model, where no episode tells its samples, or where one is of a test task.
    """
    base, agent = check(model.uri), Agent(model, model.meter, model=model.uri, **labels)
    won, limit = successes(played, cap=recipe.cap, seed=recipe.seed).rows, recipe.limit(played)
    plain = play(suite, agent)
    one_at_a_time = asyncio.Lock()  # trainers share settings of their libraries

    async def attempt(task: Task, start: Start) -> Trajectory:
        began = time.perf_counter()
        first = await plain(task, start)
        near = recipe.nearest(task, won) if surprise(first) >= limit else []
        if not near:
            return first
        with TemporaryDirectory(prefix="knowhow-") as folder:
            job = Job(base, Path(folder), replace(tuning, save_every=tuning.steps or tuning.save_every))
            try:
                async with one_at_a_time:
                    await asyncio.to_thread(recipe.train, job, all_whole(near))
            except BadSetting:  # none of them fits into what a row may hold
                return first
            with loaded(model.uri, job.adapter, model.meter) as decide:
                second = await play(suite, replace(agent, decide=decide, method=METHOD))(task, start)
        return replace(
            second,
            attempts=first.attempts + second.attempts,
            usage=first.usage + second.usage,
            seconds=time.perf_counter() - began,
        )

    return attempt


def check(uri: str) -> Path:
    """The folder of a model that can be trained at test time. Raises: BadSetting."""
    scheme, name, _ = parse_uri(uri)
    if scheme != "hf" or "@" in name:
        raise BadSetting(f"the model {uri} cannot be trained at test time; use hf:PATH, without an adapter")
    return Path(name)
