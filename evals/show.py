"""Results on the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from knowhow.environments.check import Finding
from knowhow.evals.progress import short_number


def show_run(result: Mapping[str, Any], folder: Path) -> None:
    console = Console()
    table = _figures()
    _figure_row(table, str(result["split"]), result)
    console.print(table)
    _warn(console, result)
    console.print(f"episodes and result: {escape(str(folder))}", highlight=False)


def show_evolution(result: Mapping[str, Any], folder: Path, page: Path) -> None:
    console = Console()
    table = _figures()
    for name in ("before", "after", "withheld"):
        _figure_row(table, name, result[name])
    console.print(table)
    console.print(
        "before: empty memory; after: final memory; withheld: the control, recalled but not shown", style="dim"
    )
    for name in ("before", "after", "withheld"):
        _warn(console, result[name])
    if result.get("gate_overlap"):
        told = f"{result['gate_overlap']} of the report's tasks are the gate's as well: the validation split is small"
        console.print(f"[yellow]{told}[/yellow]", soft_wrap=True)
    where = f"memory: version {result['memory_version']} in {escape(str(folder))}"
    console.print(f"{where}  (knowhow memory show {escape(str(folder))})", highlight=False, soft_wrap=True)
    if result.get("waiting"):
        told = f"{result['waiting']} items wait for you: knowhow memory review {escape(str(folder))}"
        console.print(told, highlight=False, soft_wrap=True)
    console.print(f"report: {escape(str(page))}", highlight=False, soft_wrap=True)


def show_suites(rows: Sequence[Mapping[str, Any]]) -> None:
    """What can be counted, then what each is, in 80 columns. A licence is told without what it is of, which ``--json``
    has as well."""
    counted, told = (Table(box=None, header_style="bold", pad_edge=False) for _ in range(2))
    for name in ("suite", "train", "validation", "test", "oracle", "extra", "licence"):
        right = name in ("train", "validation", "test")
        counted.add_column(name, justify="right" if right else "left", no_wrap=name != "licence")
    told.add_column("suite", no_wrap=True)
    told.add_column("what it is")
    for row in rows:
        if "missing" not in row:
            counted.add_row(*_counted(row))
        told.add_row(
            row["name"], escape(row["description"]) if "missing" not in row else f"[dim]{escape(row['missing'])}[/dim]"
        )
    Console().print(counted, "", told)


def show_suite(row: Mapping[str, Any]) -> None:
    """What a person has to know to use it: what it is, how many tasks it has, its settings, and what it needs."""
    console = Console()
    settings = ", ".join(f"{name}={value!r}" for name, value in row["settings"].items())
    tasks = ", ".join(f"{count:,} {split}" for split, count in row.get("tasks", {}).items())
    told = {"suite": f"{row['name']}({settings})", "tasks": tasks, "needs": row.get("needs") or row.get("missing")}
    for name, value in {**told, "licence": row.get("licence"), "source": row.get("source")}.items():
        if value:
            console.print(f"[bold]{name}[/bold]: {escape(value)}", highlight=False, soft_wrap=True)
    console.print(f"\n{escape(row['about'])}", highlight=False, soft_wrap=True)


def _counted(row: Mapping[str, Any]) -> list[str]:
    sizes = [f"{row['tasks'][split]:,}" if "tasks" in row else "-" for split in ("train", "validation", "test")]
    oracle = (row["oracle_for"] or "yes") if row["oracle"] else "no"
    return [row["name"], *sizes, oracle, row["extra"], re.sub(r" \([^)]*\)|;.*", "", row["licence"])]


def show_schemes(rows: Sequence[Mapping[str, Any]]) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column("scheme", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    for row in rows:
        table.add_row(row["scheme"], escape(row["description"]))
    Console().print(table)


def show_parts(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    table = Table(box=None, header_style="bold")
    for name in ("name", "what it is", "settings"):
        table.add_column(name, no_wrap=name == "name", overflow="fold")
    for sort, rows in found.items():
        table.add_row(f"[bold]{sort}[/bold]", "", "")
        for row in rows:
            settings = ", ".join(f"{name}={value!r}" for name, value in row["settings"].items())
            table.add_row(row["name"], escape(row["description"]), escape(settings))
    Console().print(table)


def show_findings(name: str, findings: Sequence[Finding]) -> None:
    console = Console()
    for finding in findings:
        mark = "[green]ok  [/green]" if finding.ok else "[red]FAIL[/red]"
        console.print(
            f"{mark} {escape(finding.check)}" + (f"  {escape(finding.detail)}" if finding.detail else ""),
            highlight=False,
        )
    failed = sum(not finding.ok for finding in findings)
    verdict = f"breaks {failed} of {len(findings)} promises" if failed else f"keeps all {len(findings)} promises"
    console.print(f"{escape(name)} {verdict}", highlight=False)


def _figures() -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))  # as it fits into 80 columns
    table.add_column("", no_wrap=True)
    for name in ("success", "95% interval", "episodes", "steps", "actions", "calls", "tokens", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _figure_row(table: Table, title: str, result: Mapping[str, Any]) -> None:
    known = result["success_rate"] is not None
    low, high = result["ci95"]
    table.add_row(
        title,
        f"{result['success_rate']:.1%}" if known else "unknown",
        f"{100 * low:.1f}-{100 * high:.1f}%" if known else "",
        f"{result['episodes']:,}",
        f"{result['mean_steps']:.1f}" if known else "",
        f"{result.get('mean_actions', result['mean_steps']):.1f}" if known else "",
        f"{result['model_calls']:,}",
        short_number(result["prompt_tokens"] + result["completion_tokens"]),
        f"${result['cost_usd']:.2f}",
    )


def _warn(console: Console, result: Mapping[str, Any]) -> None:
    if result.get("tasks", result["episodes"]) < result["episodes"]:
        told = f"{result['episodes']:,} episodes of {result['tasks']:,} tasks: the interval is as wide as these tell"
        console.print(told, style="dim")
    if result["errors"]:
        console.print(f"[yellow]{result['errors']} episodes failed with an error; they count as not achieved[/yellow]")
    if result["unfinished"]:
        console.print(f"[yellow]the budget cut off {result['unfinished']} episodes; they are in no rate[/yellow]")
