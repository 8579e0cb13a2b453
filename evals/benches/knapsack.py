"""Rollouts where outcomes are mixed: the knapsack's against as many for every task.

    python -m knowhow.evals.benches.knapsack --out runs/knapsack

The novice learns household chores from ``--taught`` episodes. With that memory it plays ``--tasks`` further training
tasks, ``--rollouts`` times each: what is known before. Then further rollouts are spent, evenly and, as many, as the
knapsack allots them over all tasks by what is known; the first ones of a task are the same episodes for both. Evenly is

- ``all``: ``--rollouts`` of every task;
- ``fewer_each``: half as many of every task;
- ``fewer_tasks``: ``--rollouts`` of the first half of the tasks.

Prints one JSON object: for each the tasks that came out with both successes and failures (``mixed``) and the rollouts
of such tasks (``effective``, what arXiv 2509.25849 counts), by seed, and the ratios of the knapsack to the even split
with bootstrap intervals over the seeds. ``simulated`` are tasks of one kind with chances from Beta(0.3, 0.3). What is
in ``--out`` already is not played again.
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
from knowhow.environments.curriculum.knapsack import allocate, beliefs
from knowhow.environments.types import Task
from knowhow.evals import learn
from knowhow.evals.folder import RunFolder, write_json
from knowhow.evals.settings import Settings
from knowhow.evals.stage import open_mind, open_stage
from knowhow.evals.tasks import draw, jobs
from knowhow.evals.watch import Silent
from knowhow.memory.codec import decode, encode
from knowhow.memory.store import Memory

Rollouts = Sequence[Sequence[Outcome]]
"""The outcomes of each task, in the order in which they were played."""


async def rolled(options: argparse.Namespace, seed: int, scratch: Path) -> Rollouts:
    settings = Settings(
        suite=options.suite,
        memory="playbook",
        mode="online",
        episodes=options.taught,
        rounds=4,
        validation=1,
        seed=seed,
    )
    await learn.start(settings, scratch / "taught")
    with RunFolder.create(scratch / "played", "run", settings) as folder, Memory.open(scratch / "taught") as memory:
        stage = open_stage(folder, Silent())
        recall = open_mind(settings, ["playbook"], memory, stage.model, stage.suite).recall
        tasks = draw(stage.suite, "train", options.taught + options.tasks, seed)[options.taught :]
        todo = jobs([task for task in tasks for _ in range(options.rollouts + options.most)], seed, "knapsack")
        played = await stage.play("rollouts", 0, todo, recall, memory.version)
        await stage.model.aclose()
    found: dict[str, list[Outcome]] = {}
    for one in played:
        found.setdefault(one.task.id, []).append(Outcome(one.task, one.reward or 0.0, len(one.steps)))
    return list(found.values())


def kept(options: argparse.Namespace, seed: int) -> Rollouts:
    """As ``rolled``, from the folder where it is there."""
    file: Path = options.out / f"{options.taught}-{seed}.json"
    if not file.exists():
        with TemporaryDirectory() as scratch:
            found = asyncio.run(rolled(options, seed, Path(scratch)))
        options.out.mkdir(parents=True, exist_ok=True)
        write_json(file, {"tasks": encode(found)})
        print(f"seed {seed}: {np.mean([one.success for own in found for one in own]):.0%}", file=sys.stderr, flush=True)
    return [[decode(Outcome, one) for one in own] for own in json.loads(file.read_text())["tasks"]]


def simulated(options: argparse.Namespace, seed: int) -> Rollouts:
    random, found = Random(seed), []
    for number in range(options.tasks):
        task, chance = Task(f"task {number}", "simulated", "train", "kind", ""), random.betavariate(0.3, 0.3)
        rewards = [float(random.random() < chance) for _ in range(options.rollouts + options.most)]
        found.append([Outcome(task, reward) for reward in rewards])
    return found


def compared(outcomes: Rollouts, rollouts: int, most: int) -> dict[str, dict[str, tuple[int, int]]]:
    """(mixed, effective) of both ways, for each way of spending evenly."""
    known = beliefs([own[0].task for own in outcomes], [[one for own in outcomes for one in own[:rollouts]]])
    further, n = [own[rollouts:] for own in outcomes], len(outcomes)
    evenly = {
        "all": [rollouts] * n,
        "fewer_each": [rollouts // 2] * n,
        "fewer_tasks": [rollouts] * (n // 2) + [0] * (n - n // 2),
    }
    return {
        name: {
            "even": counted(further, shares),
            "knapsack": counted(further, allocate(known, sum(shares), most)),
        }
        for name, shares in evenly.items()
    }


def counted(outcomes: Rollouts, shares: Sequence[int]) -> tuple[int, int]:
    """How many tasks have both outcomes in so many rollouts, and how many rollouts these have."""
    mixed = [
        share for own, share in zip(outcomes, shares, strict=True) if len({one.success for one in own[:share]}) == 2
    ]
    return len(mixed), sum(mixed)


def told(found: Sequence[Mapping[str, Mapping[str, tuple[int, int]]]], by_seed: bool = True) -> dict[str, Any]:
    """The counts, and the ratios of their sums with a 95% bootstrap interval, for each even way and measure."""
    table: dict[str, Any] = {}
    for evenly in found[0]:
        for at, measure in enumerate(("mixed", "effective")):
            even, own = [np.array([one[evenly][way][at] for one in found]) for way in ("even", "knapsack")]
            row = {"even": even.tolist(), "knapsack": own.tolist()}
            sums = {way: sum(counts) for way, counts in row.items()}
            table[f"{evenly}, {measure}"] = {**(row if by_seed else sums), "ratio": ratio(own, even)}
    return table


def ratio(own: Any, even: Any) -> list[float]:
    drawn = np.random.default_rng(0).integers(len(own), size=(4000, len(own)))
    ratios = own[drawn].sum(axis=1) / np.maximum(1, even[drawn].sum(axis=1))
    return [round(float(value), 3) for value in (own.sum() / max(1, even.sum()), *np.quantile(ratios, [0.025, 0.975]))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="household")
    parser.add_argument("--taught", type=int, default=16, help="training episodes behind the memory")
    parser.add_argument("--tasks", type=int, default=18)
    parser.add_argument("--rollouts", type=int, default=4, help="of every task before, and of the even split")
    parser.add_argument("--most", type=int, default=8, help="the most further rollouts that the knapsack gives a task")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--out", type=Path, default=Path("runs/knapsack"))
    options = parser.parse_args()
    real = [kept(options, seed) for seed in range(options.seed, options.seed + options.seeds)]
    drawn = [simulated(options, seed) for seed in range(500)]
    tables = [[compared(one, options.rollouts, options.most) for one in many] for many in (real, drawn)]
    settings = {name: value for name, value in vars(options).items() if name != "out"}
    found = {"played": told(tables[0]), "simulated": told(tables[1], by_seed=False), "settings": settings}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
