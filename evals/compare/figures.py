"""What the cells came to: each arm in figures, and each against the one that all are held against."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from knowhow.environments.types import Usage
from knowhow.evals.reporting.figures import counts, rate, solved
from knowhow.evals.stats import holm, mcnemar, needed, over_runs, paired, pass_all, pass_at
from knowhow.memory.episodes import Summary

ALPHA = 0.05

Place = tuple[str, int, str]
"""(suite, seed, world): a task as it was played, whatever the number of attempts."""


@dataclass(frozen=True, slots=True)
class Played:
    """The measured episodes of an arm on a suite with a seed; ``attempts`` of each task follow each other. ``learned``
    is what learning took, ``curve`` the (training episodes, success on validation) of its rounds."""

    arm: str
    suite: str
    seed: int
    episodes: Sequence[Summary]
    attempts: int = 1
    learned: Usage = field(default_factory=Usage)
    curve: Sequence[tuple[float, float]] = ()
    unfinished: int = 0


def arm(name: str, cells: Sequence[Played]) -> dict[str, Any]:
    """The figures of one arm over all suites and seeds. Means are over finished episodes; ``pass_at`` and ``pass_all``
    are by k, where there are several attempts."""
    finished = [one for cell in cells for one in cell.episodes if counts(one)]
    won = rate(finished)
    used = sum((one.usage for cell in cells for one in cell.episodes), Usage())
    learned = sum((cell.learned for cell in cells), Usage())
    return {
        "arm": name,
        "episodes": len(finished),
        "success": [won.value, *(round(bound, 4) for bound in won.interval)],
        "reward": _mean(finished, lambda one: one.reward or 0.0),
        "steps": _mean(finished, lambda one: one.steps),
        "calls": _mean(finished, lambda one: one.usage.calls),
        "tokens": _mean(finished, lambda one: one.usage.tokens),
        "seconds": _mean(finished, lambda one: one.seconds),
        "cost_usd": round(used.cost_usd, 6),
        "errors": sum(bool(one.error) for one in finished),
        "unfinished": sum(cell.unfinished for cell in cells),
        "learning": {"calls": learned.calls, "tokens": learned.tokens, "cost_usd": round(learned.cost_usd, 6)},
        **_by_attempts(cells),
    }


def by_kind(cells: Sequence[Played]) -> dict[str, list[float]]:
    """Success by kind of task: [rate, low, high, episodes]."""
    finished = [one for cell in cells for one in cell.episodes if counts(one)]
    kinds = sorted({one.kind for one in finished})
    rates = {kind: rate(one for one in finished if one.kind == kind) for kind in kinds}
    return {kind: [r.value or 0.0, *(round(bound, 4) for bound in r.interval), r.n] for kind, r in rates.items()}


def differences(arms: Mapping[str, Sequence[Played]], against: str) -> list[dict[str, Any]]:
    """Every other arm less ``against``, on the tasks that both finished; p-values are adjusted for being several.

    ``success`` and ``reward`` are [difference, low, high] over these tasks (``paired``), ``over_runs`` the same of the
    success over the seeds, for a method that would be run again. ``verdict``: better, worse, or cannot tell.
    """
    found = [_difference(name, cells, arms[against]) for name, cells in arms.items() if name != against]
    told = [one for one in found if one["pairs"]]
    for one, p in zip(told, holm([one["p"] for one in told]), strict=True):
        one["p_holm"] = round(p, 6)
        one |= _verdict(one)
    return found


def _difference(name: str, cells: Sequence[Played], others: Sequence[Played]) -> dict[str, Any]:
    both = _paired(cells, others)
    if not both:
        return {"arm": name, "pairs": 0, "verdict": "cannot tell", "why": "no task was finished by both"}
    won = [[fmean(map(solved, side)) for side in sides] for sides in both.values()]
    earned = [[fmean(one.reward or 0.0 for one in side) for side in sides] for sides in both.values()]
    gained, lost = sum(one > other for one, other in won), sum(one < other for one, other in won)
    seeds = defaultdict[int, list[float]](list)
    for (_, seed, _), (one, other) in zip(both, won, strict=True):
        seeds[seed].append(one - other)
    return {
        "arm": name,
        "pairs": len(both),
        "gained": gained,
        "lost": lost,
        "success": paired([one for one, _ in won], [other for _, other in won]),
        "reward": paired([one for one, _ in earned], [other for _, other in earned]),
        "over_runs": over_runs([fmean(apart) for apart in seeds.values()]),
        "runs": len(seeds),
        "p": round(mcnemar(gained, lost), 6),
    }


def _verdict(told: Mapping[str, Any]) -> dict[str, str]:
    """A claim needs both: that chance in these tasks does not explain it, and, of several runs, that it holds over the
    runs."""
    gain, (_, low, high) = told["success"][0], told["over_runs"]
    if told["p_holm"] > ALPHA:
        share = (told["gained"] + told["lost"]) / told["pairs"]
        more = needed(gain, share) if gain else None
        wanted = f"; a difference like this one takes about {more:,} pairs" if more and more > told["pairs"] else ""
        return {"verdict": "cannot tell", "why": f"p={told['p_holm']:.2g} over {told['pairs']} pairs{wanted}"}
    if told["runs"] == 1:
        return {"verdict": _word(gain), "why": "of this one run; other seeds would tell whether learning repeats it"}
    if low <= 0 <= high:
        return {
            "verdict": "cannot tell",
            "why": f"it holds in these runs, but not over {told['runs']} seeds",
        }
    return {"verdict": _word(gain), "why": f"in these runs and over {told['runs']} seeds"}


def _word(gain: float) -> str:
    return "better" if gain > 0 else "worse"


def _paired(cells: Sequence[Played], others: Sequence[Played]) -> dict[Place, tuple[list[Summary], list[Summary]]]:
    one, other = _worlds(cells), _worlds(others)
    return {place: (one[place], other[place]) for place in sorted(one.keys() & other.keys())}


def _worlds(cells: Iterable[Played]) -> dict[Place, list[Summary]]:
    """The finished attempts by the world that they were played in."""
    found = defaultdict[Place, list[Summary]](list)
    for cell in cells:
        for one in cell.episodes:
            if counts(one):
                found[cell.suite, cell.seed, f"{one.index // cell.attempts} {one.task}"].append(one)
    return found


def _by_attempts(cells: Sequence[Played]) -> dict[str, dict[int, float]]:
    most = min((cell.attempts for cell in cells), default=1)
    if most == 1:
        return {}
    tries = [list(map(solved, ones)) for ones in _worlds(cells).values() if len(ones) >= most]
    if not tries:
        return {}
    return {
        name: {k: round(fmean(of(k, len(won), sum(won)) for won in tries), 4) for k in range(1, most + 1)}
        for name, of in (("pass_at", pass_at), ("pass_all", pass_all))
    }


def _mean(episodes: Sequence[Summary], of: Callable[[Summary], float]) -> float | None:
    return round(fmean(map(of, episodes)), 4) if episodes else None
