"""``knowhow repeat``: a result made again, and whether it agrees."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knowhow.environments.errors import BadSetting
from knowhow.evals import learn, run
from knowhow.evals.compare.cells import Watching, folder_of, unwatched
from knowhow.evals.compare.compare import PLAN, compare, read_plan
from knowhow.evals.folder import RunFolder, read_about, read_result
from knowhow.evals.provenance import made_with
from knowhow.evals.reporting.figures import counts, solved
from knowhow.evals.settings import from_mapping
from knowhow.evals.stats import holm, mcnemar, paired
from knowhow.memory.episodes import Summary

REPORTED = ("run", "before", "after", "withheld")
"""The phases whose episodes a result tells of."""
ALPHA = 0.05

Episodes = Mapping[tuple[str, str], Mapping[tuple[str, int], Summary]]
"""By (arm, phase): the finished episodes by (cell, index)."""


async def repeat(result: Path, out: Path, watch: Watching = unwatched, at_once: int = 2) -> dict[str, Any]:
    """Play what ``result`` tells of once more, in the folder ``out``: a run folder, or that of a comparison.

    ``series``: for each that was measured, the pairs, how many came out alike, the difference of the new less the old
    with its interval, and p-values adjusted for being several. ``agrees``: no series differs beyond chance;
    ``identical``: every episode came out alike. ``changed``: what it was made with, where that is another.

    Raises: MemoryDamaged where there is no finished result; KnowhowError as the run itself.
    """
    old = _made_with(result)
    if (result / PLAN).exists():
        plan = read_plan(result)
        await compare(plan, out, watch, at_once)
        places = {cell.name: (folder_of(cell, result), folder_of(cell, out)) for cell in plan.cells()}
        arms = {cell.name: cell.arm for cell in plan.cells()}
        settings = plan.cells()[0].play
    else:
        about = read_about(result)
        settings = from_mapping(about["settings"])
        again = learn.start if about["kind"] == "evolve" else run.run
        with watch(str(out)) as told:
            await again(settings, out, told)
        places, arms = {"": (result, out)}, {"": ""}
    before, after = _episodes(places, arms, 0), _episodes(places, arms, 1)
    series = _series(before, after)
    return {
        "result": str(result),
        "repeat": str(out),
        "agrees": bool(series) and all(one["p_holm"] > ALPHA for one in series),
        "identical": bool(series) and all(one["alike"] == one["pairs"] == one["of"] for one in series),
        "series": series,
        "changed": _changed(old, made_with(settings)),
    }


def cells_of(result: Path) -> int:
    """How many runs a repeat of it takes."""
    return len(read_plan(result).cells()) if (result / PLAN).exists() else 1


def _episodes(places: Mapping[str, tuple[Path, Path]], arms: Mapping[str, str], side: int) -> Episodes:
    found: dict[tuple[str, str], dict[tuple[str, int], Summary]] = {}
    for cell, folders in places.items():
        with RunFolder.open(folders[side], lock=False) as folder:
            for row in folder.episodes.summaries():
                if row.phase in REPORTED and counts(row):
                    found.setdefault((arms[cell], row.phase), {})[cell, row.index] = row
    return found


def _series(before: Episodes, after: Episodes) -> list[dict[str, Any]]:
    made = [_one(name, before[name], after.get(name, {})) for name in before]
    for one, p in zip(made, holm([one["p"] for one in made]), strict=True):
        one["p_holm"] = round(p, 6)
    return made


def _one(name: tuple[str, str], before: Mapping[Any, Summary], after: Mapping[Any, Summary]) -> dict[str, Any]:
    both = sorted(before.keys() & after.keys())
    old, new = [solved(before[key]) for key in both], [solved(after[key]) for key in both]
    gained, lost = sum(a > b for a, b in zip(new, old, strict=True)), sum(a < b for a, b in zip(new, old, strict=True))
    return {
        "arm": name[0],
        "phase": name[1],
        "of": len(before),
        "pairs": len(both),
        "alike": sum(_alike(before[key], after[key]) for key in both),
        "before": sum(old) / len(old) if old else None,
        "after": sum(new) / len(new) if new else None,
        "difference": paired([*map(float, new)], [*map(float, old)]) if both else None,
        "p": mcnemar(gained, lost) if both else 0.0,
    }


def _alike(one: Summary, other: Summary) -> bool:
    return (one.task, one.reward, one.steps, one.stop) == (other.task, other.reward, other.steps, other.stop)


def _made_with(folder: Path) -> Mapping[str, Any]:
    if not (folder / PLAN).exists():
        read_about(folder)
    found = read_result(folder)
    if found is None:
        raise BadSetting(f"{folder} is not finished, so there is nothing to repeat yet; resume it first")
    made: Mapping[str, Any] = found.get("made_with", {})
    return made


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    """By name what was, and what is, where they differ; versions of packages by their names."""
    was, now = ({**one, **one.get("packages", {}), "packages": None} for one in (old, new))
    return {name: [was.get(name), now.get(name)] for name in sorted(was | now) if was.get(name) != now.get(name)}
