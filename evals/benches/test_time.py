"""What an adapter for every uncertain case is worth, and what it costs (TT-SI, arXiv 2510.07841).

    knowhow run --suite household --split train --episodes 200 --model hf:runs/pocket --out runs/pool
    python -m knowhow.evals.benches.test_time --pool runs/pool --episodes 50

The model of the run in ``--pool``, with that run's memory, plays the same tasks and seeds of the test split with
test-time training and without; what is similar to a case comes from the pool's successes. Prints one JSON object:
success with it and without, the paired difference with its 95% interval, how much of the cases was trained for, and the
seconds of an episode. Goes on where it was interrupted, in ``--out``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from knowhow.environments.types import Trajectory
from knowhow.evals.folder import RunFolder
from knowhow.evals.run import resume, run
from knowhow.evals.settings import Settings
from knowhow.evals.stats import paired
from knowhow.memory.episodes import Episodes
from knowhow.training.test_time import BRIEF, METHOD


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Raises: as ``run``."""
    with RunFolder.open(options.pool, lock=False) as folder:
        of_pool = folder.settings
    how = f"pool={str(options.pool)!r}, share={options.share}, steps={options.steps}, rate={options.rate}"
    played = {
        name: episodes(
            replace(
                Settings(of_pool.suite, "test", of_pool.model, episodes=options.episodes, seed=options.seed),
                memory=of_pool.memory,
                memory_tokens=of_pool.memory_tokens,
                concurrency=options.concurrency,
                engine=engine,
            ),
            options.out / name,
        )
        for name, engine in (("without", "local"), ("with", f"test_time({how})"))
    }
    return _figures(played["with"], played["without"])


def episodes(settings: Settings, out: Path) -> list[Trajectory]:
    """Those of a run, which goes on where it was interrupted."""
    asyncio.run(resume(out) if out.exists() else run(settings, out))
    with Episodes.open(out) as stored:
        return stored.find("run")


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
    parser.add_argument("--share", type=float, default=0.5, help="of the pool's episodes that count as uncertain")
    parser.add_argument("--steps", type=int, default=BRIEF.steps, help="updates of an adapter")
    parser.add_argument("--rate", type=float, default=BRIEF.rate, help="the peak learning rate")
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/test_time"))
    options = parser.parse_args()
    found = compare(options)
    print(json.dumps({**found, "settings": {name: str(value) for name, value in vars(options).items()}}))


if __name__ == "__main__":
    main()
