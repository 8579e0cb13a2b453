"""Rollouts where outcomes are mixed: the knapsack's against as many for every task.

    python -m knowhow.evals.benches.knapsack --seeds 5

The novice learns household chores from ``--taught`` episodes. With that memory it plays ``--tasks`` further training
tasks, ``--rollouts`` times each: what is known before. Then both get the same number of further rollouts: as many
again for every task, or as the knapsack allots them by what is known; the first ones of a task are the same episodes
for both. Prints one JSON object: for each memory the tasks that came out with both successes and failures, by seed, and
the ratio of the knapsack to the even split with a bootstrap interval over the seeds. ``info_gain`` is the objective of
the paper (arXiv 2509.25849), ``mixed_only`` leaves out what a success gains. ``simulated`` are tasks whose chances are
drawn, half of them near 0 or 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from knowhow.environments.curricula import Outcome
from knowhow.environments.curriculum.knapsack import allocate, chances
from knowhow.environments.types import Task
from knowhow.evals import learn
from knowhow.evals.folder import RunFolder
from knowhow.evals.settings import Settings
from knowhow.evals.stage import open_mind, open_stage
from knowhow.evals.tasks import draw, jobs
from knowhow.evals.watch import Silent
from knowhow.memory.store import Memory

WAYS = {"info_gain": True, "mixed_only": False}


async def rolled(taught: int, options: argparse.Namespace, seed: int, scratch: Path) -> dict[str, list[Outcome]]:
    """The outcomes of each task, in the order of the rollouts, with a memory of so many training episodes."""
    settings = Settings(
        suite=options.suite, memory="playbook", mode="online", episodes=taught, rounds=4, validation=1, seed=seed
    )
    await learn.start(settings, scratch / "taught")
    with RunFolder.create(scratch / "played", "run", settings) as folder, Memory.open(scratch / "taught") as memory:
        stage = open_stage(folder, Silent())
        recall = open_mind(settings, ["playbook"], memory, stage.model, stage.suite).recall
        tasks = draw(stage.suite, "train", taught + options.tasks, seed)[taught:]
        todo = jobs([task for task in tasks for _ in range(options.rollouts + options.most)], seed, "knapsack")
        played = await stage.play("rollouts", 0, todo, recall, memory.version)
        await stage.model.aclose()
    found: dict[str, list[Outcome]] = {}
    for one in played:
        found.setdefault(one.task.id, []).append(Outcome(one.task, one.reward or 0.0, len(one.steps)))
    return found


def compared(outcomes: Mapping[str, Sequence[Outcome]], rollouts: int, most: int) -> dict[str, int]:
    """How many tasks have both outcomes in the second half, by the way of allotting it; the budget is the same."""
    known = [one for own in outcomes.values() for one in own[:rollouts]]
    likely = chances([own[0].task for own in outcomes.values()], [known])
    budget = rollouts * len(outcomes)
    shares = {way: allocate(likely, budget, most, gain) for way, gain in WAYS.items()}
    shares["even"] = [rollouts] * len(outcomes)
    further = [own[rollouts:] for own in outcomes.values()]
    return {
        way: sum(len({one.success for one in own[:share]}) == 2 for own, share in zip(further, given, strict=True))
        for way, given in shares.items()
    }


def simulated(options: argparse.Namespace, seed: int) -> dict[str, list[Outcome]]:
    """As ``rolled``, with chances from Beta(1/2, 1/2) and a kind for each task."""
    random = Random(seed)
    found = {}
    for number in range(options.tasks):
        task, chance = Task(f"task {number}", "simulated", "train", f"kind {number}", ""), random.betavariate(0.5, 0.5)
        rewards = [float(random.random() < chance) for _ in range(options.rollouts + options.most)]
        found[task.id] = [Outcome(task, reward) for reward in rewards]
    return found


def told(counts: Sequence[Mapping[str, int]]) -> dict[str, Any]:
    """The counts by seed, and for each way the ratio of its sum to the even split's, with a 95% bootstrap interval."""
    even = np.array([count["even"] for count in counts])
    drawn = np.random.default_rng(0).integers(len(counts), size=(4000, len(counts)))
    rows: dict[str, Any] = {"even": {"mixed": even.tolist()}}
    for way in WAYS:
        own = np.array([count[way] for count in counts])
        ratios = own[drawn].sum(axis=1) / np.maximum(1, even[drawn].sum(axis=1))
        low, high = np.quantile(ratios, [0.025, 0.975])
        ratio = [round(float(value), 3) for value in (own.sum() / max(1, even.sum()), low, high)]
        rows[way] = {"mixed": own.tolist(), "ratio": ratio}
    return rows


async def bench(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for taught in options.taught:
        counts = []
        for seed in range(options.seed, options.seed + options.seeds):
            with TemporaryDirectory() as scratch:
                outcomes = await rolled(taught, options, seed, Path(scratch))
            success = np.mean([one.success for own in outcomes.values() for one in own])
            counts.append(compared(outcomes, options.rollouts, options.most))
            print(f"{taught} taught, seed {seed}: {success:.0%}, {counts[-1]}", file=sys.stderr, flush=True)
        found[f"taught {taught}"] = told(counts)
    drawn = [simulated(options, seed) for seed in range(options.seed, options.seed + 100 * options.seeds)]
    sums = told([compared(outcomes, options.rollouts, options.most) for outcomes in drawn])
    found["simulated"] = {way: {**row, "mixed": sum(row["mixed"])} for way, row in sums.items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="household")
    parser.add_argument("--taught", type=int, nargs="+", default=[16], help="training episodes behind each memory")
    parser.add_argument("--tasks", type=int, default=16)
    parser.add_argument("--rollouts", type=int, default=4, help="of every task, before, and in the even split")
    parser.add_argument("--most", type=int, default=12, help="the most rollouts that the knapsack gives a task")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="the first of the seeds")
    options = parser.parse_args()
    print(json.dumps({**asyncio.run(bench(options)), "settings": vars(options)}))


if __name__ == "__main__":
    main()
