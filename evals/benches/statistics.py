"""How often the intervals hold the truth and how often the tests cry wolf, by simulation.

    python -m knowhow.evals.benches.statistics --worlds 2000

Prints one JSON object. ``paired``: by pairs and by the shares of them that one side alone and the other alone wins, how
often the 95% interval of the difference holds the true one; ``graded`` the same for rewards between 0 and 1.
``over_runs``: the same for methods that are run again with so many seeds, each run with its own true gain.
``by_task``: the same for a success rate of tasks that were tried several times.
``mcnemar`` and ``holm``: how often a difference is claimed at 5% where there is none, by one test and by any of four.
``needed``: how often McNemar's test sees a difference with as many pairs as ``needed`` says, asked for 80%.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from knowhow.evals.stats import holm, mcnemar, needed, over_runs, paired, tried

SHARES = ((0.1, 0.1), (0.3, 0.1), (0.3, 0.3), (0.5, 0.05))
"""Of all pairs, those that one side alone wins and those that the other alone wins."""
PAIRS = (30, 100, 500)
TRIES = ((10, 8), (20, 4), (100, 2))

Rng = np.random.Generator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=2000, help="simulations for each figure")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(json.dumps(measured(asked.worlds, np.random.default_rng(asked.seed))))


def measured(worlds: int, rng: Rng) -> dict[str, Any]:
    def often(happens: Callable[..., bool], *of: float) -> float:
        return round(sum(happens(rng, *of) for _ in range(worlds)) / worlds, 4)

    return {
        "worlds": worlds,
        "paired": {
            f"{n} pairs, {won:.0%} and {lost:.0%}": often(_paired, n, won, lost) for n in PAIRS for won, lost in SHARES
        },
        "graded": {f"{n} pairs": often(_graded, n) for n in PAIRS},
        "over_runs": {f"{runs} runs": often(_over_runs, runs) for runs in (3, 5, 10)},
        "mcnemar": {f"{n} pairs": often(_claimed, n) for n in PAIRS},
        "holm": often(_claimed_of_four),
        "needed": {f"{points:.0%}": often(_seen, points) for points in (0.05, 0.1)},
        "by_task": {f"{tasks} tasks, {tries} attempts": often(_by_task, tasks, tries) for tasks, tries in TRIES},
    }


def _paired(rng: Rng, n: int, won: float, lost: float) -> bool:
    kinds = rng.choice(3, p=[won, lost, 1 - won - lost], size=n)
    _, low, high = paired((kinds == 0).astype(float).tolist(), (kinds == 1).astype(float).tolist())
    return low <= won - lost <= high


def _graded(rng: Rng, n: int) -> bool:
    """Rewards that are skewed and go together, with means 2/3 and 1/2."""
    shared = rng.beta(2, 2, size=n)
    one, other = (shared + rng.beta(5, 1, size=n)) / 2, (shared + rng.beta(1, 1, size=n)) / 2
    _, low, high = paired(one.tolist(), other.tolist())
    return low <= (5 / 6 - 1 / 2) / 2 <= high


def _over_runs(rng: Rng, runs: int) -> bool:
    """Each run's own gain spreads around 10 points, and each is measured on 100 pairs."""
    gains = rng.normal(0.1, 0.05, size=runs)
    seen = [float(np.mean(rng.choice([1, -1, 0], p=[(0.3 + g) / 2, (0.3 - g) / 2, 0.7], size=100))) for g in gains]
    _, low, high = over_runs(seen)
    return low <= 0.1 <= high


def _by_task(rng: Rng, tasks: int, tries: int) -> bool:
    """Most tasks are either easy or hard."""
    won = rng.random((tasks, tries)) < rng.beta(0.3, 0.3, size=(tasks, 1))
    low, high = tried((task, bool(one)) for task, row in enumerate(won) for one in row).interval()
    return low <= 0.5 <= high


def _claimed(rng: Rng, n: int) -> bool:
    return _p(rng, n, 0.15, 0.15) <= 0.05


def _claimed_of_four(rng: Rng) -> bool:
    return min(holm([_p(rng, 100, 0.15, 0.15) for _ in range(4)])) <= 0.05


def _seen(rng: Rng, points: float, discordant: float = 0.3) -> bool:
    won, lost = (discordant + points) / 2, (discordant - points) / 2
    return _p(rng, needed(points, discordant), won, lost) <= 0.05


def _p(rng: Rng, n: int, won: float, lost: float) -> float:
    counts = rng.multinomial(n, [won, lost, 1 - won - lost])
    return mcnemar(int(counts[0]), int(counts[1]))


if __name__ == "__main__":
    main()
