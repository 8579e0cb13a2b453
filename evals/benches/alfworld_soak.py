"""Many episodes of the suite ``alfworld`` in one process: how fast they are, and whether anything is left behind.

    python -m knowhow.evals.benches.alfworld_soak --episodes 300 --concurrency 4

Every other episode follows the oracle, the rest wander. At the start, the middle and the end it prints this process's
memory and that of its children (proportional set size, so that shared pages count once), open file descriptors,
temporary files and processes. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path
from random import Random

from knowhow.environments.suites.alfworld import Alfworld
from knowhow.environments.types import Task, ToolCall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--episodes", type=int, default=300)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--steps", type=int, default=25, help="of an episode that wanders")
    asyncio.run(soak(**vars(parser.parse_args())))


async def soak(episodes: int, concurrency: int, steps: int) -> None:
    suite, began, done, won, played = Alfworld(), time.perf_counter(), 0, 0, 0
    tasks = iter(list(enumerate(suite.tasks("train")[:episodes])))
    marks = {concurrency + 1: "start", episodes // 2: "middle", episodes - concurrency: "end"}

    async def work() -> None:
        nonlocal done, won, played
        for index, task in tasks:
            moves, reached = await (wander(suite, task, steps) if index % 2 else follow(suite, task))
            done, won, played = done + 1, won + reached, played + moves
            if done in marks:
                print(f"{marks[done]:7} after {done:4} episodes: {footprint()}", flush=True)

    await asyncio.gather(*(work() for _ in range(concurrency)))
    seconds = time.perf_counter() - began
    print(f"after  all {done:4} episodes: {footprint()}")
    print(f"{done} episodes, {played} steps, {seconds:.1f} s ({done / seconds:.2f} episodes/s)")
    print(f"the oracle won {won} of {(episodes + 1) // 2}")


async def follow(suite: Alfworld, task: Task) -> tuple[int, bool]:
    """Play the oracle's commands: how many steps, and whether the goal was reached."""
    calls = suite.oracle(task, seed=0) or ()
    async with suite.open(task, seed=0) as env:
        feedback = await env.reset()
        for call in calls:
            feedback = await env.step(call)
    return len(calls), feedback.terminated


async def wander(suite: Alfworld, task: Task, steps: int) -> tuple[int, bool]:
    """Play admissible commands at random. What is reached by chance does not count."""
    dice, step = Random(task.id), 0
    async with suite.open(task, seed=0) as env:
        feedback = await env.reset()
        while step < steps and not feedback.done:
            feedback = await env.step(ToolCall("act", {"command": dice.choice(feedback.commands or ("look",))}))
            step += 1
    return step, False


def footprint() -> str:
    """What this process and its descendants hold at this moment."""
    family = descendants(os.getpid())
    own, others = pss(os.getpid()), sum(map(pss, family))
    files = len(list(Path("/proc/self/fd").iterdir()))
    temporary = len(list(Path(tempfile.gettempdir()).iterdir()))
    memory = f"{own:.0f} MB here, {others:.0f} MB in {len(family)} processes"
    return f"{memory}, {files} descriptors, {temporary} temporary files"


def descendants(pid: int) -> list[int]:
    children = [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in read(path).split()]
    return children + [grandchild for child in children for grandchild in descendants(child)]


def pss(pid: int) -> float:
    """Proportional set size in MB; 0 for a process that just ended."""
    lines = read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ProcessLookupError):
        return ""


if __name__ == "__main__":
    main()
