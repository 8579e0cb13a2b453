"""What a correcting method does to right and to wrong answers: before and after, task by task.

One gain hides two things that move apart: how much of what was right stays right (confidence level), and how much of
what was wrong is mended (critique score; arXiv 2412.19513). What the method corrected by belongs to every such table:
stopping by the label is no self-correction (arXiv 2310.01798).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowhow.agents.compose import guidance
from knowhow.agents.guidance import Guidance
from knowhow.environments.errors import BadSetting
from knowhow.evals.finished import finished
from knowhow.evals.folder import read_about
from knowhow.evals.stage import open_suite
from knowhow.evals.stats import mcnemar, wilson

SAME = ("suite", "split", "seed")
"""What two runs must share, so that they played the same tasks."""
ALIKE = ("model", "memory", "adapters", "withhold", "recall", "memory_tokens")
"""What they should share, so that the method alone made the difference."""


@dataclass(frozen=True, slots=True)
class Table:
    """Episodes by how they were before and after the correction."""

    right_right: int = 0
    right_wrong: int = 0
    wrong_right: int = 0
    wrong_wrong: int = 0

    @classmethod
    def of(cls, pairs: Iterable[tuple[bool, bool]]) -> Table:
        """Of pairs (right before, right after)."""
        counted = Counter(pairs)
        return cls(*(counted[cell] for cell in ((True, True), (True, False), (False, True), (False, False))))

    @property
    def right_before(self) -> int:
        return self.right_right + self.right_wrong

    @property
    def wrong_before(self) -> int:
        return self.wrong_right + self.wrong_wrong

    @property
    def right_after(self) -> int:
        return self.right_right + self.wrong_right


def figures(table: Table) -> dict[str, Any]:
    """Rates with 95% Wilson intervals, None where there is nothing to take them of. At least one episode."""
    n = table.right_before + table.wrong_before
    rates = {
        "before": (table.right_before, n),
        "after": (table.right_after, n),
        "confidence_level": (table.right_right, table.right_before),
        "critique_score": (table.wrong_right, table.wrong_before),
    }
    told: dict[str, Any] = {"episodes": n, **{name: getattr(table, name) for name in Table.__slots__}}
    for name, (hits, of) in rates.items():
        told |= {name: hits / of if of else None, f"{name}_ci95": wilson(hits, of)}
    p = mcnemar(table.wrong_right, table.right_wrong)
    return {**told, "p": p, "says": _says(table, p)}


def compare(before: Path, after: Path, phase: str = "") -> dict[str, Any]:
    """The figures of two runs of the same tasks and seeds, paired by their place.

    Raises: MemoryDamaged; BadSetting where they are not of the same tasks, or have none in common.
    """
    one, other = read_about(before)["settings"], read_about(after)["settings"]
    for name in SAME:
        if one.get(name) != other.get(name):
            way = "compare runs of the same tasks and seeds"
            raise BadSetting(f"{before} has {name}={one.get(name)!r}, {after} {other.get(name)!r}; {way}")
    differs = [f"{name}: {one.get(name)!r}, {other.get(name)!r}" for name in ALIKE if one.get(name) != other.get(name)]
    firsts, lasts = finished(before, phase), finished(after, phase)
    common = sorted(firsts.keys() & lasts.keys())
    moved = next((place for place in common if firsts[place].task.id != lasts[place].task.id), None)
    if moved is not None or not common:
        where = "" if moved is None else f": {firsts[moved].task.id!r} and {lasts[moved].task.id!r} at place {moved}"
        raise BadSetting(f"{before} and {after} did not play the same tasks{where}; run both with the same --episodes")
    table = Table.of((firsts[place].success, lasts[place].success) for place in common)
    apart = len(firsts.keys() ^ lasts.keys())
    return {**_about(other), **figures(table), "unpaired": apart, "differs": differs, "before_by": _by(one)}


def within(run: Path, phase: str = "") -> dict[str, Any]:
    """The figures of a run whose search keeps its attempts: the first of each episode against what it came to.

    Raises: MemoryDamaged; BadSetting where no episode keeps any.
    """
    settings, played = read_about(run)["settings"], list(finished(run, phase).values())
    kept = [episode for episode in played if episode.tried]
    if not kept:
        method = settings.get("method") or "no method"
        raise BadSetting(
            f"{run} ({method}) keeps no first attempts; give a run without the method as well: BEFORE AFTER"
        )
    table = Table.of((_right(episode.tried[0]), episode.success) for episode in kept)
    return {**_about(settings), **figures(table), "unpaired": len(played) - len(kept), "differs": []}


def _right(reward: float) -> bool:
    return reward >= 1 - 1e-9


def _about(settings: dict[str, Any]) -> dict[str, Any]:
    return {"method": settings.get("method", ""), "by": _by(settings)}


def _by(settings: dict[str, Any]) -> Guidance:
    method = settings.get("method", "")
    visible = bool(method) and open_suite(settings["suite"]).reward_visible
    return guidance(method, reward_visible=visible)


def _says(table: Table, p: float) -> str:
    mended, spoiled = table.wrong_right, table.right_wrong
    if p >= 0.05:
        return f"cannot tell whether it helps: {mended} mended, {spoiled} spoiled"
    return "it mends more than it spoils" if mended > spoiled else "it spoils more than it mends"
