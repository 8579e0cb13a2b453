"""What GRPO makes of a small model: the reward of its episodes over the updates, held to where it began and not.

    python -m knowhow.evals.benches.grpo --base runs/pocket --start runs/finetune/adapters/ada-00001/adapter

From the adapter ``--start`` on, or from the base, it plays tasks made to ``--design``, in groups of attempts, once for
each seed and each ``--betas`` (0: nothing holds it). Prints one JSON object: for each beta the mean reward of the
first and of the last ``--window`` updates by seed, what was gained with its 95% interval by Student's t over the seeds,
and how far the last updates are from the start (KL divergence in nats a token). ``curves`` holds every update. What is
in ``--out`` already is not trained again; a training that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from knowhow.environments.suites.household import Household
from knowhow.evals.folder import write_json
from knowhow.evals.stats import over_runs
from knowhow.training.recipe import Job
from knowhow.training.reinforcing import Reinforcement, reinforce
from knowhow.training.settings import Tuning

DESIGN = '{"kinds": {"put": 1}, "pieces": [8, 10], "clutter": 0.3}'


def curves(options: argparse.Namespace, beta: float, seed: int) -> dict[str, list[float]]:
    """The ``rewards`` and the ``kls`` of every update, from the folder where they are there."""
    folder: Path = options.out / f"beta-{beta:g}-seed-{seed}"
    kept = folder / "measured.json"
    if not kept.exists():
        write_json(kept, trained(options, folder, beta, seed))
        for path in folder.glob("checkpoint-*"):
            shutil.rmtree(path)
    found: dict[str, list[float]] = json.loads(kept.read_text())
    return found


def trained(options: argparse.Namespace, folder: Path, beta: float, seed: int) -> dict[str, Any]:
    def told(step: int, steps: int, _: float) -> None:
        print(f"\rbeta {beta:g}, seed {seed}: update {step} of {steps}", end="", file=sys.stderr, flush=True)

    folder.mkdir(parents=True, exist_ok=True)
    suite = Household()
    tasks = suite.designed(json.loads(options.design), options.tasks, seed)
    settings = Reinforcement(options.group, beta, options.temperature, options.most_steps, seed=seed)
    tuning = Tuning(steps=options.steps, batch=options.batch, rate=options.rate, seed=seed, save_every=10)
    measured = reinforce(Job(options.base, folder, tuning, options.start, suite, progress=told), suite, tasks, settings)
    print(file=sys.stderr)
    return {name: measured[name] for name in ("rewards", "kls", "seconds")}


def told(found: Sequence[dict[str, list[float]]], window: int) -> dict[str, Any]:
    first, last = [[fmean(one["rewards"][part]) for one in found] for part in (slice(window), slice(-window, None))]
    return {
        "first": [round(mean, 3) for mean in first],
        "last": [round(mean, 3) for mean in last],
        "gained": over_runs([end - begin for begin, end in zip(first, last, strict=True)]),
        "kl": [round(fmean(one["kls"][-window:]), 4) for one in found if one["kls"]],
        "curves": [one["rewards"] for one in found],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, default=Path("runs/pocket"))
    parser.add_argument("--start", type=Path, help="the folder of an adapter of the base to go on from")
    parser.add_argument("--betas", type=float, nargs="+", default=[0.02, 0.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--steps", type=int, default=60, help="updates of each training")
    parser.add_argument("--batch", type=int, default=2, help="groups an update")
    parser.add_argument("--group", type=int, default=4, help="attempts at a task")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--most-steps", type=int, default=12, help="of an episode")
    parser.add_argument("--tasks", type=int, default=60, help="training tasks that are made")
    parser.add_argument("--design", default=DESIGN, help="what they are made to, as JSON")
    parser.add_argument("--window", type=int, default=15, help="updates of which the first and last are the means")
    parser.add_argument("--out", type=Path, default=Path("runs/grpo"))
    options = parser.parse_args()
    found = {
        f"beta {beta:g}": told(
            [curves(options, beta, seed) for seed in range(options.seed, options.seed + options.seeds)], options.window
        )
        for beta in options.betas
    }
    settings = {name: str(value) for name, value in vars(options).items() if name != "out"}
    print(json.dumps({**found, "settings": settings}))


if __name__ == "__main__":
    main()
