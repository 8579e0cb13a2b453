"""A comparison from its plan to its table, in a folder that holds all of it and goes on where it was interrupted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from knowhow.environments.errors import BadSetting, MemoryDamaged
from knowhow.environments.types import Usage
from knowhow.evals.compare import figures
from knowhow.evals.compare.cells import Watching, folder_of, learned_in, play, spent, unfinished, unwatched
from knowhow.evals.compare.figures import Played
from knowhow.evals.compare.plan import Cell, Plan, from_dict
from knowhow.evals.folder import RunFolder, read_result, write_json
from knowhow.evals.provenance import made_with
from knowhow.evals.reporting.figures import counts, rate
from knowhow.evals.stage import check
from knowhow.evals.stats import area, episodes_to, visible

PLAN, RESULT = "compare.json", "result.json"
THRESHOLDS = (0.5, 0.75, 0.9)


def preview(plan: Plan) -> dict[str, Any]:
    """What a comparison takes and can tell, before it is played. ``sees``: the smallest difference that the pairs of
    one comparison show four times of five, where three of ten pairs differ.

    Raises: KnowhowError for settings that cannot be used.
    """
    cells = plan.cells()
    learns = {cell.learned: cell.learn for cell in cells if cell.learn}
    learning = sum(one.episodes + one.proof + one.validation * (one.rounds + 3) for one in learns.values())
    measured = sum(cell.play.episodes * cell.play.attempts for cell in cells)
    pairs = sum(cell.play.episodes for cell in cells if cell.arm == plan.against)
    for cell in cells[: len(plan.arms) * len(plan.suites)]:
        check(cell.play, cell.play.split)
    return {
        "arms": [*plan.arms],
        "against": plan.against,
        "cells": len(cells),
        "episodes": {"learning": learning, "measured": measured},
        "pairs": pairs,
        "sees": visible(pairs),
    }


async def compare(plan: Plan, out: Path, watch: Watching = unwatched, at_once: int = 2) -> dict[str, Any]:
    """The result, which is kept in ``out`` as well. A comparison that was begun there goes on.

    Raises: KnowhowError; BadSetting where another comparison is in ``out``.
    """
    _claim(plan, out)
    cells = plan.cells()
    await play(plan, cells, out, watch, at_once)
    result = result_of(plan, cells, out)
    write_json(out / RESULT, result)
    return result


def read_plan(out: Path) -> Plan:
    """The plan of the comparison in a folder. Raises: MemoryDamaged."""
    try:
        plan = json.loads((out / PLAN).read_text(encoding="utf-8"))
        return from_dict(_as_written(plan), str(out / PLAN))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MemoryDamaged(f"{out} is no folder of a comparison: {PLAN} cannot be read ({error})") from None


def result_of(plan: Plan, cells: list[Cell], out: Path) -> dict[str, Any]:
    """The figures of what was played so far; cells that were not begun count as unfinished."""
    arms = {name: [_played(cell, out) for cell in cells if cell.arm == name] for name in plan.arms}
    return {
        "compare": str(out),
        "plan": plan.to_dict(),
        "against": plan.against,
        "arms": [
            {**figures.arm(name, played), "kinds": figures.by_kind(played), "curve": _curve(played)}
            for name, played in arms.items()
        ],
        "differences": figures.differences(arms, plan.against),
        "unfinished": sum(unfinished(folder_of(cell, out)) for cell in cells),
        "spent": _usage(spent(out)),
        "made_with": made_with(cells[0].play),
    }


def _claim(plan: Plan, out: Path) -> None:
    if (out / PLAN).exists():
        begun = read_plan(out)
        if _without_budget(begun) != _without_budget(plan):
            raise BadSetting(f"{out} holds another comparison; go on with its own plan, or name another by --out")
    elif out.exists() and any(out.iterdir()):
        raise BadSetting(f"{out} exists already, and is no comparison; name another folder by --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"cannot make the folder {out}: {error.strerror}; name another by --out") from None
    write_json(out / PLAN, plan.to_dict())


def _without_budget(plan: Plan) -> dict[str, Any]:
    return {name: value for name, value in json.loads(json.dumps(plan.to_dict())).items() if name != "budget"}


def _as_written(kept: Mapping[str, Any]) -> dict[str, Any]:
    """A kept plan in the form of the YAML file."""
    budget = {f"budget_{name}": value for name, value in kept["budget"].items() if value is not None}
    return {**{name: value for name, value in kept.items() if name != "budget"}, **budget}


def _played(cell: Cell, out: Path) -> Played:
    path, learned = folder_of(cell, out), learned_in(cell, out)
    usage, curve = _learning(learned) if learned else (Usage(), [])
    asked = cell.play.episodes * cell.play.attempts
    if not (path / "run.json").exists():
        return Played(cell.arm, cell.suite, cell.seed, [], cell.play.attempts, usage, curve, asked)
    with RunFolder.open(path, lock=False) as folder:
        rows = folder.episodes.summaries("run")
    left = asked - sum(counts(row) for row in rows)
    return Played(cell.arm, cell.suite, cell.seed, rows, cell.play.attempts, usage, curve, left)


def _learning(path: Path) -> tuple[Usage, list[tuple[float, float]]]:
    """What learning took, and success on the gate's validation tasks by the training episodes before it, with the
    empty memory as the start."""
    if not (path / "run.json").exists():
        return Usage(), []
    with RunFolder.open(path, lock=False) as folder:
        used, rows = folder.spent, folder.episodes.summaries()
    result = None
    with suppress(MemoryDamaged):
        result = read_result(path)
    points, trained = list[tuple[float, float]](), 0
    start = rate(row for row in rows if row.phase == "before").value
    if start is not None:
        points.append((0.0, start))
    for done in (result or {}).get("rounds", []):
        trained += sum(row.phase == "train" and row.round == done["round"] for row in rows)
        # A round that was rolled back leaves what was best before it.
        height = done["validation_success"] if done["kept"] else done["best"]
        if height is not None:
            points.append((float(trained), height))
    return used, points


def _curve(played: list[Played]) -> dict[str, Any] | None:
    """The mean learning curve over the cells that have one, its area, and the episodes it takes to each threshold."""
    curves = [cell.curve for cell in played if len(cell.curve) > 1]
    if not curves:
        return None
    points = [_mean(list(step)) for step in zip(*curves, strict=False)]
    reached = {f"{threshold:.0%}": episodes_to(threshold, points) for threshold in THRESHOLDS}
    return {"points": points, "area": round(area(points), 4), "episodes_to": reached}


def _mean(points: list[tuple[float, float]]) -> tuple[float, float]:
    n = len(points)
    return round(sum(x for x, _ in points) / n, 2), round(sum(y for _, y in points) / n, 4)


def _usage(usage: Usage) -> dict[str, Any]:
    return {"calls": usage.calls, "tokens": usage.tokens, "cost_usd": round(usage.cost_usd, 6)}
