"""How often the intervals of ``knowhow calibrate`` and ``knowhow judges`` hold the truth, by simulation.

    python -m knowhow.evals.benches.calibration --worlds 200

Prints one JSON object. ``intervals``: by how far the confidences are pushed away from one half (1: they are the true
probabilities) and by the number of episodes, how often each 95% interval holds the figure of endless episodes.
``accused``: how often a source is said not to be calibrated, which a calibrated one should be at most one time in
twenty. ``kappa``: by the number of episodes and the judge's accuracy, how often its interval holds the truth.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from knowhow.evals import calibration
from knowhow.evals.judging import Cells, kappa_interval

PUSHED = (1.0, 1.5, 3.0)
EPISODES = (20, 50, 200)
ACCURACIES = (0.5, 0.8, 0.95)
ENDLESS = 1_000_000

Rng = np.random.Generator
Told = tuple[Any, Any]
INTERVALS: dict[str, tuple[Callable[..., Any], Callable[..., tuple[float, float]]]] = {
    "ece": (calibration.ece, calibration.ece_interval),
    "brier": (calibration.brier, lambda *told: calibration.bootstrap(calibration.brier, *told)),
    "auroc": (calibration.auroc, calibration.auroc_interval),
    "auacc": (calibration.auacc, lambda *told: calibration.bootstrap(calibration.auacc, *told)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=200, help="simulations for each figure")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(json.dumps(measured(asked.worlds, np.random.default_rng(asked.seed))))


def measured(worlds: int, rng: Rng) -> dict[str, Any]:
    return {
        "worlds": worlds,
        "intervals": {f"pushed {pushed:g}": _held(worlds, rng, pushed) for pushed in PUSHED},
        "accused": {
            f"pushed {pushed:g}": {f"{n} episodes": _share(worlds, _accused, rng, n, pushed) for n in EPISODES}
            for pushed in PUSHED
        },
        "kappa": {
            f"{accuracy:.0%} right": {f"{n} episodes": _share(worlds, _kappa_held, rng, n, accuracy) for n in EPISODES}
            for accuracy in ACCURACIES
        },
    }


def _held(worlds: int, rng: Rng, pushed: float) -> dict[str, dict[str, float]]:
    endless = _told(rng, ENDLESS, pushed)
    truth = {name: figure(*endless) for name, (figure, _) in INTERVALS.items()}
    if pushed == 1:
        truth["ece"] = 0.0  # even a million episodes have some error by chance

    def held(rng: Rng, n: int, name: str) -> bool:
        low, high = INTERVALS[name][1](*_told(rng, n, pushed))
        return bool(low <= truth[name] <= high)

    return {f"{n} episodes": {name: _share(worlds, held, rng, n, name) for name in INTERVALS} for n in EPISODES}


def _share(worlds: int, happens: Callable[..., bool], *of: Any) -> float:
    return round(sum(happens(*of) for _ in range(worlds)) / worlds, 3)


def _told(rng: Rng, n: int, pushed: float) -> Told:
    """Confidences, and whether each was right."""
    truth = rng.random(n)
    odds = (truth / (1 - truth)) ** pushed
    return odds / (1 + odds), rng.random(n) < truth


def _accused(rng: Rng, n: int, pushed: float) -> bool:
    sure, right = _told(rng, n, pushed)
    return calibration.ece(sure, right) > calibration.calibrated(sure)


def _kappa_held(rng: Rng, n: int, accuracy: float) -> bool:
    """Half of the episodes are right, and the judge errs on both sorts alike."""
    hit, miss = accuracy / 2, (1 - accuracy) / 2
    low, high = kappa_interval(Cells(*map(int, rng.multinomial(n, [hit, miss, miss, hit]))))
    return low <= 2 * accuracy - 1 <= high


if __name__ == "__main__":
    main()
