"""``knowhow calibrate``: whether an agent's confidence can be believed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from knowhow.evals.memory_folder import tell
from knowhow.evals.options import Json, Phase, Runs

FIGURES = ("ece", "brier", "auroc", "auacc")


def calibrate(
    runs: Runs,
    confidence: Annotated[
        str | None, typer.Option(help="One way of telling alone: votes, verified, judged, likelihood, spoken, ...")
    ] = None,
    phase: Phase = "",
    bins: Annotated[int, typer.Option(help="Bins of the reliability table and of ECE.", min=1)] = 10,
    json: Json = False,
) -> None:
    """Say how well the confidence of a run's agent fits what happened: ECE, Brier, AUROC, AUACC, with 95% intervals.

    What methods recorded (votes of self_consistency, what verified and a judge said), how likely the model held its own
    words (likelihood), and what it said of itself (spoken).

    Example: knowhow calibrate runs/mine --confidence votes
    """
    from knowhow.evals.confidence import calibrate as measure
    from knowhow.evals.confidence import told_in
    from knowhow.evals.finished import finished

    found: list[dict[str, Any]] = []
    for run in runs:
        episodes = list(finished(run, phase).values())
        wanted = [confidence] if confidence else told_in(episodes)
        found += [{"run": str(run), **measure(name, episodes, bins)} for name in wanted]
    tell({"confidences": found}, json, lambda: _show(found, runs))


def _show(found: list[dict[str, Any]], runs: list[Path]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not found:
        named = ", ".join(map(str, runs))
        way = "play with a method that records one, as in --method self_consistency"
        console.print(f"no episode of {named} tells a confidence; {way}", highlight=False, markup=False, soft_wrap=True)
    for one in found:
        console.print(f"{one['run']}: {one['confidence']}", style="bold", highlight=False, markup=False)
        if "ece" in one:
            console.print(_reliability(one, Table(box=None, header_style="bold")))
            console.print(_summary(one), highlight=False, soft_wrap=True)
        for says in one["says"]:
            console.print(f"  {says}", highlight=False, soft_wrap=True)


def _summary(one: dict[str, Any]) -> str:
    figures = ", ".join(f"{name} {_with_interval(one, name)}" for name in FIGURES)
    coverage = ", ".join(f"{accuracy:.1%} at {float(share):.0%}" for share, accuracy in one["accuracy_at"].items())
    without = f", {one['without']} more tell none" if one["without"] else ""
    return (
        f"  {one['episodes']} episodes{without}; accuracy {_with_interval(one, 'accuracy')}, {coverage} coverage\n"
        f"  {figures} (at best {one['best_auacc']:.3f}); ece with equal mass {one['ece_equal_mass']:.3f}"
    )


def _with_interval(one: dict[str, Any], name: str) -> str:
    if one[name] is None:
        return "unknown"
    low, high = one[f"{name}_ci95"]
    return f"{one[name]:.3f} [{low:.3f}, {high:.3f}]"


def _reliability(one: dict[str, Any], table: Any) -> Any:
    for name in ("confidence", "episodes", "mean", "accuracy", "95% interval"):
        table.add_column(name, justify="right")
    for row in one["reliability"]:
        low, high = row["accuracy_ci95"]
        table.add_row(
            f"{row['low']:.2f}-{row['high']:.2f}",
            str(row["episodes"]),
            f"{row['confidence']:.3f}",
            f"{row['accuracy']:.3f}",
            f"{low:.3f}-{high:.3f}",
        )
    return table
