"""What an adapter for every uncertain case is worth, and what it costs (TT-SI, arXiv 2510.07841).

    knowhow run --suite household --split train --episodes 200 --model hf:runs/pocket --out runs/pool
    python -m knowhow.evals.benches.test_time --pool runs/pool --episodes 50

The model of the run in ``--pool`` plays the same tasks and seeds of the test split with test-time training and without;
what is similar to a case comes from that run's successes. Prints one JSON object: success with it and without, the
paired difference with its 95% interval, how much of the cases was trained for, and the seconds of an episode.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from knowhow.agents.rollout import rollout
from knowhow.environments.discover import build
from knowhow.environments.types import Trajectory
from knowhow.evals.folder import RunFolder
from knowhow.evals.stage import open_suite
from knowhow.evals.stats import paired
from knowhow.evals.tasks import draw, jobs
from knowhow.evals.training import episodes_of
from knowhow.training.recipe import RECIPES
from knowhow.training.settings import Tuning
from knowhow.training.test_time import BRIEF, METHOD, tuned_at_test_time


async def compare(
    pool: Path, recipe: str, tuning: Tuning, episodes: int, concurrency: int, seed: int
) -> dict[str, Any]:
    """Raises: as ``tuned_at_test_time``."""
    with RunFolder.open(pool, lock=False) as folder:
        settings = folder.settings
    suite, played = open_suite(settings.suite), episodes_of(pool)
    todo = jobs(draw(suite, "test", episodes, seed), seed, "test_time")
    found = {}
    for name, share in (("without", 0.0), ("with", None)):
        made = build(RECIPES, recipe if share is None else "test_time(share=0.0)")
        attempt = tuned_at_test_time(settings.model, suite, played, made, tuning)
        found[name] = await rollout(attempt, todo, concurrency=concurrency)
    return _figures(found["with"], found["without"])


def _figures(tuned: Sequence[Trajectory], plain: Sequence[Trajectory]) -> dict[str, Any]:
    return {
        "episodes": len(tuned),
        "with": _mean([one.success for one in tuned]),
        "without": _mean([one.success for one in plain]),
        "difference": paired([one.reward or 0.0 for one in tuned], [one.reward or 0.0 for one in plain]),
        "trained": _mean([one.method == METHOD for one in tuned]),
        "seconds_with": _mean([one.seconds for one in tuned]),
        "seconds_without": _mean([one.seconds for one in plain]),
    }


def _mean(numbers: Sequence[float]) -> float:
    return round(sum(numbers) / len(numbers), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pool", type=Path, required=True, help="a run folder with training episodes of a local model")
    parser.add_argument("--recipe", default="test_time", help="with its settings, as in 'test_time(similar=8)'")
    parser.add_argument("--steps", type=int, default=BRIEF.steps, help="updates of an adapter")
    parser.add_argument("--rate", type=float, default=BRIEF.rate, help="the peak learning rate")
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tuning = Tuning(steps=options.steps, batch=BRIEF.batch, rate=options.rate, seed=options.seed)
    found = asyncio.run(
        compare(options.pool, options.recipe, tuning, options.episodes, options.concurrency, options.seed)
    )
    print(json.dumps({**found, "settings": {name: str(value) for name, value in vars(options).items()}}))


if __name__ == "__main__":
    main()
