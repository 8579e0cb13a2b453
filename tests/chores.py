"""Real household episodes for the tests of training: the novice with a playbook and without, on the same tasks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from knowhow.agents.episode import Agent, play
from knowhow.agents.model import load_model
from knowhow.agents.rollout import Job, rollout
from knowhow.agents.types import Query, Recall, Recalled, nothing
from knowhow.environments.suites.household import Household
from knowhow.environments.types import Split, Trajectory

PLAYBOOK = Path(__file__).with_name("chores.md").read_text()
"""What a run in the household ended with (knowhow memory export --format ace)."""


async def _read_it(query: Query) -> Recalled:
    return Recalled(PLAYBOOK, tuple(re.findall(r"^\[(\S+)\]", PLAYBOOK, re.MULTILINE)))


def _agent(recall: Recall, memory_version: int) -> Agent:
    model = load_model("novice")
    return Agent(model, model.meter, recall, model="novice", memory_version=memory_version)


@cache
def episodes(split: Split = "train", tasks: int = 6, seeds: Sequence[int] = (1, 2)) -> tuple[Trajectory, ...]:
    """Each of the first tasks with each seed, without memory (version 0), then with the playbook (version 1)."""
    return tuple(asyncio.run(_played(split, tasks, seeds)))


async def _played(split: Split, tasks: int, seeds: Sequence[int]) -> list[Trajectory]:
    suite = Household()
    starts = [(task, seed) for task in suite.tasks(split)[:tasks] for seed in seeds]
    jobs = [Job(number, task, seed) for number, (task, seed) in enumerate(starts)]
    alone = await rollout(play(suite, _agent(nothing, 0)), jobs)
    return alone + await rollout(play(suite, _agent(_read_it, 1)), jobs)
