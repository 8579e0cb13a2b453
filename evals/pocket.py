"""Episodes of mediocre play for the pocket model, with and without memory in the prompt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random

from knowhow.agents.episode import Agent, play
from knowhow.agents.metering import Meter
from knowhow.agents.rollout import Job
from knowhow.agents.types import Decider, Recall, Start, nothing
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite, ToolCall, Trajectory
from knowhow.evals.learn import resume, start
from knowhow.evals.run import mind_of
from knowhow.evals.settings import Settings
from knowhow.evals.stage import open_model, open_suite
from knowhow.evals.tasks import draw, jobs
from knowhow.evals.watch import Watch
from knowhow.training.pocket.players import aimless, delegating, methodical, straight

SHOWN = 0.15
"""The share of episodes that come first, in which the way is gone straight, or what memory offers is called: from these
copying is learned fastest."""
REMEMBERING = 0.4
"""The share of episodes with memory in the prompt; there the player knows the way."""
KNOWING = 0.5
"""How often it knows the way without."""
DELEGATING = 0.5
"""How often it calls what memory offers for the task, where it offers something."""
MEMORY_TOKENS = 300
"""Of what is recalled: a long playbook in every prompt would take most of the training."""
TRIES = 3
"""With memory, a player that strayed too far to win plays again, up to so many times in all."""


def learn(suite: str, out: Path, episodes: int, seed: int, watch: Watch) -> Path:
    """A run in which the novice learns a playbook of the suite, gone on with where it was begun; the run folder.

    Raises: BadSetting for a suite without an oracle.
    """
    opened = open_suite(suite)
    _way(opened, jobs(draw(opened, "train", 1, seed), seed, "pocket")[0])
    rounds = max(1, min(5, episodes // 20))
    settings = Settings(suite, memory="playbook", episodes=episodes, rounds=rounds, validation=50, seed=seed)
    asyncio.run(resume(out, watch) if out.exists() else start(settings, out, watch))
    return out


async def plays(
    suite_name: str, memory: Path, count: int, seed: int, watch: Watch, memory_tokens: int = MEMORY_TOKENS
) -> list[Trajectory]:
    """So many training episodes. Raises: BadSetting for a suite without an oracle."""
    suite = open_suite(suite_name)
    settings = Settings(suite_name, seed=seed, memory_tokens=memory_tokens)
    todo = jobs(draw(suite, "train", count, seed), seed, "pocket")
    with mind_of(memory, settings, open_model(settings), suite) as mind:
        watch.phase("mediocre play", count)
        played = []
        for job in todo:
            dice = Random(f"pocket/{seed}/{job.index}")
            shown = job.index < SHOWN * count
            played.append(await (_shown(suite, job, mind.recall) if shown else _play(suite, job, mind.recall, dice)))
            watch.episode(played[-1], played[-1].usage)
        return played


async def _shown(suite: Suite, job: Job, recall: Recall) -> Trajectory:
    player = straight(job.task.goal, _way(suite, job))
    if not _delegates(job):
        return await _episode(suite, job, player, nothing)
    return await _episode(suite, job, delegating(job.task.goal, player), recall)


async def _play(suite: Suite, job: Job, recall: Recall, dice: Random) -> Trajectory:
    remembering = dice.random() < REMEMBERING
    knowing = remembering or dice.random() < KNOWING
    for attempt in range(TRIES if remembering else 1):
        player = _player(suite, job, knowing, dice)
        decide = delegating(job.task.goal, player) if _delegates(job) else player
        trajectory = await _episode(suite, job, decide, recall if remembering else nothing, attempt)
        if trajectory.success:
            break
    return trajectory


async def _episode(suite: Suite, job: Job, decide: Decider, recall: Recall, attempt: int = 0) -> Trajectory:
    agent = Agent(decide, Meter(), recall, "mediocre")
    return await play(suite, agent)(job.task, Start(job.seed, attempt=attempt))


def _delegates(job: Job) -> bool:
    return Random(f"pocket/{job.seed}/delegates").random() < DELEGATING


def _player(suite: Suite, job: Job, knowing: bool, dice: Random) -> Decider:
    if not knowing:
        return aimless(job.task.goal, dice)
    return methodical(job.task.goal, _way(suite, job), dice)


def _way(suite: Suite, job: Job) -> Sequence[ToolCall]:
    way = suite.oracle(job.task, seed=job.seed)
    if way is None:
        raise BadSetting(f"the suite {suite.name} has no oracle, so that nobody can show a way; use one that has")
    return way
