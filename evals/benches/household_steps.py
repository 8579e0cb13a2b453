"""How many steps a second the suite ``household`` makes: ``python -m knowhow.evals.benches.household_steps``.

A random agent plays tasks of the training split, 50 steps each or until the goal is reached. Drawing the rooms and
listing the commands that are possible after each step are part of the time. Prints one JSON object with the median of
several runs, in steps/s: ``core`` for the world called directly, ``environment`` for the asynchronous environment
around it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from itertools import cycle
from random import Random
from statistics import median
from time import perf_counter

from knowhow.environments.suites.household import Household
from knowhow.environments.types import ToolCall


def core(steps: int) -> float:
    """Steps a second of ``World.step``."""
    suite, random, done = Household(), Random(0), 0
    start = perf_counter()
    for task in cycle(suite.tasks("train")):
        world = suite.world(task, seed=0)
        feedback = world.reset()
        for _ in range(suite.max_steps):
            feedback = world.step(random.choice(feedback.commands or ("look",)))
            done += 1
            if feedback.done or done == steps:
                break
        if done == steps:
            break
    return steps / (perf_counter() - start)


async def environment(steps: int) -> float:
    """Steps a second of the same through ``Suite.open`` and tool calls."""
    suite, random, done = Household(), Random(0), 0
    start = perf_counter()
    for task in cycle(suite.tasks("train")):
        async with suite.open(task, seed=0) as env:
            feedback = await env.reset()
            for _ in range(suite.max_steps):
                feedback = await env.step(ToolCall("act", {"command": random.choice(feedback.commands or ("look",))}))
                done += 1
                if feedback.done or done == steps:
                    break
        if done == steps:
            break
    return steps / (perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=50_000, help="steps in a run")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    inner = [core(options.steps) for _ in range(options.runs)]
    outer = [asyncio.run(environment(options.steps)) for _ in range(options.runs)]
    figures = {"core_steps_per_second": round(median(inner)), "environment_steps_per_second": round(median(outer))}
    print(json.dumps({**figures, "steps": options.steps, "runs": options.runs}))


if __name__ == "__main__":
    main()
