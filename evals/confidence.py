"""How sure the agent of a run was, by every way of telling, against what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from knowhow.environments.discover import find, names, unknown
from knowhow.environments.types import Trajectory
from knowhow.evals import calibration
from knowhow.evals.stats import wilson

CONFIDENCES = "knowhow.evals.confidences"
COVERAGES = (0.25, 0.5, 0.75)


def told_in(episodes: Sequence[Trajectory]) -> list[str]:
    """The names of all confidences that any of the episodes tells: what methods recorded, and what can be read off."""
    recorded = {name for episode in episodes for name in episode.confidence}
    read = {name for name in names(CONFIDENCES) if any(sure is not None for sure in confidences(name, episodes))}
    return sorted(recorded | read)


def confidences(name: str, episodes: Sequence[Trajectory]) -> list[float | None]:
    """Of each episode, in [0, 1], None where it does not tell: as it was recorded, or read off by a part of
    ``confidences``, or by ``package.module:name``. Raises: UnknownName."""
    recorded = {key for episode in episodes for key in episode.confidence}
    if name in recorded:
        return [episode.confidence.get(name) for episode in episodes]
    if ":" not in name and name not in names(CONFIDENCES):
        raise unknown("confidence", name, sorted(recorded | set(names(CONFIDENCES))))
    read = find(CONFIDENCES, name)
    return [read(episode) for episode in episodes]


def calibrate(name: str, episodes: Sequence[Trajectory], bins: int = 10) -> dict[str, Any]:
    """The figures of one confidence over finished episodes, with 95% intervals; ``says`` are sentences on what they
    can tell. Only ``episodes`` and ``without`` where no episode tells it."""
    pairs = zip(confidences(name, episodes), episodes, strict=True)
    told = [(sure, episode.success) for sure, episode in pairs if sure is not None]
    counts = {"confidence": name, "episodes": len(told), "without": len(episodes) - len(told)}
    if not told:
        return {**counts, "says": ["no episode tells it"]}
    found = {**counts, **_figures([sure for sure, _ in told], [right for _, right in told], bins)}
    return {**found, "says": [_ranking(found), _fit(found)]}


def _figures(sure: Sequence[float], right: Sequence[bool], bins: int) -> dict[str, Any]:
    n, hits = len(right), sum(right)
    return {
        "accuracy": hits / n,
        "accuracy_ci95": wilson(hits, n),
        "mean_confidence": sum(sure) / n,
        "ece": calibration.ece(sure, right, bins),
        "ece_ci95": calibration.ece_interval(sure, right, bins),
        "ece_equal_mass": calibration.ece(sure, right, bins, equal_mass=True),
        "ece_by_chance": calibration.calibrated(sure, bins),
        "brier": calibration.brier(sure, right),
        "brier_ci95": calibration.bootstrap(calibration.brier, sure, right),
        "auroc": calibration.auroc(sure, right),
        "auroc_ci95": calibration.auroc_interval(sure, right),
        "auacc": calibration.auacc(sure, right),
        "auacc_ci95": calibration.bootstrap(calibration.auacc, sure, right),
        "best_auacc": calibration.best_auacc(right),
        "accuracy_at": {str(share): calibration.accuracy_at(sure, right, share) for share in COVERAGES},
        "reliability": [_row(one) for one in calibration.reliability(sure, right, bins)],
    }


def _row(one: calibration.Bin) -> dict[str, Any]:
    told = {"low": one.low, "high": one.high, "episodes": one.n, "confidence": one.sure}
    return {**told, "accuracy": one.accuracy, "accuracy_ci95": one.interval}


def _ranking(found: dict[str, Any]) -> str:
    n, (low, high) = found["episodes"], found["auroc_ci95"]
    if found["auroc"] is None:
        alike = "right" if found["accuracy"] else "wrong"
        return f"cannot tell whether it ranks: all {n} episodes are {alike}"
    if low > 0.5:
        return "it ranks right episodes before wrong ones"
    if high < 0.5:
        return "it ranks wrong episodes before right ones"
    return f"cannot tell whether it ranks: with {n} episodes its AUROC may be 0.5"


def _fit(found: dict[str, Any]) -> str:
    chance = found["ece_by_chance"]
    if found["ece"] <= chance:
        return (
            f"cannot be told from a calibrated one: with {found['episodes']} episodes an ECE of {chance:.3f} is chance"
        )
    apart = found["mean_confidence"] - found["accuracy"]
    way = "over-confident" if apart > 0 else "under-confident"
    return f"it is not calibrated, {way} by {abs(apart):.3f} on the whole; {chance:.3f} would still be chance"
