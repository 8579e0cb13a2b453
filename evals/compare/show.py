"""A comparison on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from knowhow.evals.progress import short_number
from knowhow.evals.reporting.words import chance


def show_preview(told: Mapping[str, Any]) -> None:
    console = Console()
    episodes = told["episodes"]
    console.print(
        f"{len(told['arms'])} arms in {told['cells']} cells: {episodes['learning']:,} episodes to learn, "
        f"{episodes['measured']:,} to measure",
        highlight=False,
    )
    console.print(
        f"{told['pairs']:,} pairs a comparison show a difference of {100 * told['sees']:.1f} points four times of "
        "five, where three of ten pairs differ; a smaller one wants more episodes or seeds",
        highlight=False,
    )


def show_comparison(result: Mapping[str, Any], page: Path) -> None:
    console = Console()
    console.print(_arms(result))
    console.print(_differences(result))
    console.print(
        "p: exact McNemar test, adjusted for several comparisons (Holm). over seeds: were the method run again.",
        style="dim",
        soft_wrap=True,
    )
    if result["unfinished"]:
        told = f"{result['unfinished']} cells are unfinished: go on with a larger budget and the same --out"
        console.print(f"[yellow]{told}[/yellow]", soft_wrap=True)
    console.print(f"page: {escape(str(page))}", highlight=False, soft_wrap=True)


def _arms(result: Mapping[str, Any]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("arm")
    for name in ("success", "95%", "steps", "tokens", "learning", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    for arm in result["arms"]:
        success, low, high = arm["success"]
        table.add_row(
            escape(arm["arm"]),
            "-" if success is None else f"{success:.0%}",
            f"{low:.0%} to {high:.0%}",
            "-" if arm["steps"] is None else f"{arm['steps']:.1f}",
            "-" if arm["tokens"] is None else short_number(round(arm["tokens"])),
            short_number(arm["learning"]["tokens"]),
            f"${arm['cost_usd'] + arm['learning']['cost_usd']:.2f}",
        )
    return table


def _differences(result: Mapping[str, Any]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(f"against {escape(result['against'])}")
    for name in ("points", "95%", "over seeds", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict")
    for one in result["differences"]:
        if not one["pairs"]:
            table.add_row(escape(one["arm"]), "-", "-", "-", "-", f"{one['verdict']}: {one['why']}")
            continue
        success, low, high = one["success"]
        table.add_row(
            escape(one["arm"]),
            f"{100 * success:+.0f}",
            _range(low, high),
            _range(*one["over_runs"][1:]) if one["runs"] > 1 else "one seed",
            chance(one["p_holm"]),
            f"{one['verdict']} ({one['why']})",
        )
    return table


def _range(low: float, high: float) -> str:
    return f"{100 * low:+.0f} to {100 * high:+.0f}"


def show_repeat(told: Mapping[str, Any]) -> None:
    console = Console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("measured")
    for name in ("before", "again", "points", "95%", "alike", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in told["series"]:
        rates = ["-" if one[name] is None else f"{one[name]:.0%}" for name in ("before", "after")]
        gain, low, high = one["difference"] or (0.0, -1.0, 1.0)
        alike = f"{one['alike']} of {one['of']}"
        name = " ".join(part for part in (one["arm"], one["phase"] if one["phase"] != "run" else "") if part)
        points = (f"{100 * gain:+.0f}", _range(low, high))
        table.add_row(escape(name or "run"), *rates, *points, alike, chance(one["p_holm"]))
    console.print(table)
    for name, (old, new) in told["changed"].items():
        console.print(f"{name} was {escape(str(old))}, is {escape(str(new))}", style="dim", soft_wrap=True)
    verdict = "identical" if told["identical"] else "agrees" if told["agrees"] else "does not agree"
    console.print(f"{verdict}: {escape(told['repeat'])}", highlight=False, soft_wrap=True)
