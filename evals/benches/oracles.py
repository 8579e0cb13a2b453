"""Does a suite's oracle win? Its calls are played as an agent's, on tasks of every split, evenly over kinds.

    python -m knowhow.evals.benches.oracles --suite household --tasks 50 --seeds 2

``--tasks`` is of each split. An oracle that fails has lost; tasks that it knows no calls for are counted apart, and
their kinds named. Prints one JSON object; ``by_kind`` has only kinds where something was lost, ``lost`` says of each
lost episode what ended it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain, islice, zip_longest
from random import Random
from typing import Any

from knowhow.agents.episode import Agent, play
from knowhow.agents.metering import Meter
from knowhow.agents.rollout import Job
from knowhow.agents.types import Start
from knowhow.environments.conformance.evidence import in_one_line
from knowhow.environments.types import SPLITS, Suite, Task
from knowhow.evals.benches.soaking.players import following, oracle_calls
from knowhow.evals.stage import open_suite
from knowhow.evals.stats import wilson

LOOKED_AT = 5000
"""Tasks of a split that are sorted by kind; of a larger one, a sample of so many."""


def sample(tasks: Sequence[Task], count: int) -> list[Task]:
    """At most ``count`` tasks, one of each kind in turn for as long as it has any; always the same."""
    dice, kinds = Random(0), defaultdict(list)
    for place in dice.sample(range(len(tasks)), min(len(tasks), LOOKED_AT)):
        kinds[tasks[place].kind].append(tasks[place])
    in_turn = chain.from_iterable(zip_longest(*(kinds[kind] for kind in sorted(kinds))))
    return list(islice((task for task in in_turn if task is not None), count))


async def outcome(suite: Suite, job: Job) -> str | None:
    """How the oracle's episode was lost; empty where it won, None where there is no oracle for the task."""
    try:
        calls = await oracle_calls(suite, job)
    except Exception as error:
        return f"the oracle failed: {in_one_line(error)}"
    if calls is None:
        return None
    played = await play(suite, Agent(following(calls), Meter()))(job.task, Start(job.seed))
    return "" if played.success else f"{played.stop.value} {played.error}".strip()


async def oracles(suite: Suite, tasks: int = 20, seeds: int = 1, concurrency: int = 4) -> dict[str, Any]:
    """Play so many tasks of each split with each seed from 0 up."""
    began = time.perf_counter()
    drawn = [task for split in SPLITS for task in sample(suite.tasks(split), tasks)]
    jobs = [Job(index, task, seed) for index, (task, seed) in enumerate((t, s) for t in drawn for s in range(seeds))]
    ends: dict[int, str | None] = {}
    todo = iter(jobs)

    async def work() -> None:
        for job in todo:
            ends[job.index] = await outcome(suite, job)
            print(f"\r{len(ends)} of {len(jobs)}, {sum(map(bool, ends.values()))} lost", end="", file=sys.stderr)

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work())
    print(file=sys.stderr)
    return {"suite": suite.name, **figures(jobs, ends), "seconds": round(time.perf_counter() - began, 1)}


def figures(jobs: Sequence[Job], ends: Mapping[int, str | None]) -> dict[str, Any]:
    played, without = [[job for job in jobs if (ends[job.index] is None) is so] for so in (False, True)]
    lost = [job for job in played if ends[job.index]]
    of, lost_of = Counter(job.task.kind for job in played), Counter(job.task.kind for job in lost)
    won = len(played) - len(lost)
    return {
        "won": won,
        "of": len(played),
        "ci95": [round(bound, 4) for bound in wilson(won, len(played))] if played else [],
        "without_oracle": {"tasks": len(without), "kinds": sorted({job.task.kind for job in without})},
        "kinds": len(of),
        "by_kind": {kind: {"won": of[kind] - lost_of[kind], "of": of[kind]} for kind in sorted(lost_of)},
        "lost": [{"id": job.task.id, "seed": job.seed, "end": ends[job.index]} for job in lost],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--suite", default="household", help="a name, with settings as in 'code(tasks=\"mine.jsonl\")'")
    parser.add_argument("--tasks", type=int, default=20, help="of each split")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=4)
    options = parser.parse_args()
    suite = open_suite(options.suite)
    print(json.dumps(asyncio.run(oracles(suite, options.tasks, options.seeds, options.concurrency))))


if __name__ == "__main__":
    main()
