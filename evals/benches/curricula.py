"""How many training episodes each curriculum takes to ``--reached`` of success on unseen tasks.

    python -m knowhow.evals.benches.curricula --out runs/curricula

Each evolves an own memory from nothing, round by round, until the validation tasks, the same ones for all curricula of
a seed, succeed so often; or until the episodes are used up, which count then. Prints one JSON object: for each
curriculum the episodes by seed, how many runs got there, the mean, and how many fewer than ``uniform`` it took, paired
by seed, with a bootstrap interval. What is in ``--out`` already is not run again, so that a bench that was interrupted
loses nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from knowhow.environments.discover import names
from knowhow.evals import learn
from knowhow.evals.curriculum import CURRICULA
from knowhow.evals.settings import Settings
from knowhow.evals.stats import paired
from knowhow.evals.watch import Silent
from knowhow.memory.evolve import Round

BASE = "uniform"


class ReachedError(Exception):
    """It is good enough; the rest of the run would tell nothing more."""


class Curve(Silent):
    """Validation success after each round; it ends the run where that is ``enough``."""

    def __init__(self, enough: float) -> None:
        self.enough, self.success = enough, list[float]()

    def round(self, done: Round) -> None:
        self.success.append(done.validation_success or 0.0)
        if self.success[-1] >= self.enough:
            raise ReachedError


async def curve(curriculum: str, seed: int, options: argparse.Namespace) -> list[float]:
    """Success after each round, up to the first that is good enough."""
    fixed = ("suite", "model", "episodes", "rounds", "validation", "concurrency")
    asked = {name: getattr(options, name) for name in fixed}
    settings = Settings(memory="playbook", curriculum=curriculum, seed=seed, **asked)
    watch = Curve(options.reached)
    with TemporaryDirectory() as scratch, suppress(ReachedError):
        await learn.start(settings, Path(scratch) / "run", watch)
    return watch.success


def kept_curve(curriculum: str, seed: int, options: argparse.Namespace) -> list[float]:
    """As ``curve``, from the folder where it is there."""
    file: Path = options.out / f"{curriculum}-{seed}.json"
    if not file.exists():
        found = asyncio.run(curve(curriculum, seed, options))
        print(f"{curriculum}, seed {seed}: {[round(rate, 2) for rate in found]}", file=sys.stderr, flush=True)
        options.out.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(found))
    success: list[float] = json.loads(file.read_text())
    return success


def told(curves: Sequence[Sequence[float]], base: Sequence[Sequence[float]], options: argparse.Namespace) -> Any:
    own, others = [[taken(one, options) for one in many] for many in (curves, base)]
    return {
        "episodes": own,
        "reached": sum(one[-1] >= options.reached for one in curves),
        "mean": round(fmean(own), 1),
        "fewer_than_uniform": paired(others, own),
    }


def taken(success: Sequence[float], options: argparse.Namespace) -> int:
    episodes: int = options.episodes * len(success) // options.rounds
    return episodes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="household")
    parser.add_argument("--model", default="novice")
    parser.add_argument("--curricula", nargs="+", default=names(CURRICULA), help="with their settings")
    parser.add_argument("--reached", type=float, default=0.9)
    parser.add_argument("--episodes", type=int, default=120, help="at most")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--validation", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("runs/curricula"))
    options = parser.parse_args()
    asked = list(dict.fromkeys([BASE, *options.curricula]))
    seeds = range(options.seed, options.seed + options.seeds)
    for seed in seeds:  # all of a seed first: what is cut off has whole pairs
        for name in asked:
            kept_curve(name, seed, options)
    curves = {name: [kept_curve(name, seed, options) for seed in seeds] for name in asked}
    table = {name: told(own, curves[BASE], options) for name, own in curves.items()}
    settings = {name: value for name, value in vars(options).items() if name != "out"}
    print(json.dumps({"curricula": table, "settings": settings}))


if __name__ == "__main__":
    main()
