"""What there is, and whether it is as it should be: ``knowhow suites``, ``models``, ``banks``, ``curricula``,
``check-suite`` and ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from knowhow.evals.memory_folder import tell
from knowhow.evals.options import Json


def suites(
    name: Annotated[
        str, typer.Argument(help="One of them, as --suite takes it: its settings, and what it does with them.")
    ] = "",
    json: Json = False,
) -> None:
    """List the suites: size, oracle, licence, and what each needs.

    Example: knowhow suites qa
    """
    from knowhow.evals.listing import list_suites, tell_suite
    from knowhow.evals.show import show_suite, show_suites

    if name:
        one = tell_suite(name)
        tell({"suite": one}, json, lambda: show_suite(one))
        return
    found = list_suites()
    tell({"suites": found}, json, lambda: show_suites(found))


def models(json: Json = False) -> None:
    """List the schemes of model URIs, and what each is for."""
    from knowhow.evals.listing import list_schemes
    from knowhow.evals.show import show_schemes

    found = list_schemes()
    tell({"models": found}, json, lambda: show_schemes(found))


def banks(json: Json = False) -> None:
    """List the banks of memory, for --memory, and the policies, for --recall.

    Example: knowhow evolve --memory 'playbook, cases(most=2)' --recall 'scope, adaptive_k'
    """
    from knowhow.evals.listing import list_parts
    from knowhow.evals.show import show_parts
    from knowhow.evals.stage import BANKS, POLICIES

    found = {"banks": list_parts(BANKS), "policies": list_parts(POLICIES)}
    tell(found, json, lambda: show_parts(found))


def curricula(json: Json = False) -> None:
    """List the curricula, for --curriculum: which training tasks come next.

    Example: knowhow evolve --curriculum 'self_evolving(temperature=0.5)'
    """
    from knowhow.evals.curriculum import CURRICULA
    from knowhow.evals.listing import list_parts
    from knowhow.evals.show import show_parts

    found = {"curricula": list_parts(CURRICULA)}
    tell(found, json, lambda: show_parts(found))


def check_suite(
    name: Annotated[str, typer.Argument(help="A suite's name, path/to/file.py:Class or module:Class.")],
    tasks: Annotated[int, typer.Option(help="How many tasks of each split to try.", min=1)] = 5,
    json: Json = False,
) -> None:
    """Check that a suite keeps its promises: determinism, disjoint splits, no answers in tasks, a winning oracle, and
    more.

    Example: knowhow check-suite path/to/my_suite.py:MySuite
    """
    import asyncio

    from knowhow.environments.check import check_suite as check
    from knowhow.evals.show import show_findings
    from knowhow.evals.stage import open_suite

    findings = asyncio.run(check(open_suite(name), tasks_per_split=tasks, tell=lambda line: typer.echo(line, err=True)))
    passed = all(finding.ok for finding in findings)
    told = {
        "suite": name,
        "passed": passed,
        "findings": [{"check": f.check, "ok": f.ok, "detail": f.detail} for f in findings],
    }
    tell(told, json, lambda: show_findings(name, findings))
    raise typer.Exit(0 if passed else 1)


def report(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[Path | None, typer.Option(help="The HTML file to write; RUN/report.html by default.")] = None,
    episodes: Annotated[int, typer.Option(help="The most episodes to show step by step.", min=1)] = 2000,
    json: Json = False,
) -> None:
    """Write the report of a run: one HTML file that needs no network.

    Example: knowhow report runs/demo
    """
    from knowhow.evals.report import write_report

    page = write_report(run, out, episodes=episodes)
    tell({"report": str(page)}, json, lambda: typer.echo(f"report: {page}"))
