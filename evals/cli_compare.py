"""``knowhow compare`` and ``knowhow repeat``: claims that can be checked."""

from __future__ import annotations

import json as lines
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knowhow.evals.options import Json

if TYPE_CHECKING:
    from knowhow.evals.compare.plan import Plan

EXAMPLE = """suites: household
seeds: 5
settings: {model: novice, episodes: 200, rounds: 4}
measure: {split: test, episodes: 100}
arms:
  none: {memory: none}
  playbook: {memory: playbook}
  withheld: {memory: playbook, withhold: true}
"""


def compare(
    plan: Annotated[Path | None, typer.Argument(help="A YAML file with arms, suites and seeds.")] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to make, or to go on in; runs/compare-... else.")] = None,
    at_once: Annotated[int, typer.Option(help="Cells at a time; each plays --concurrency episodes.", min=1)] = 2,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say only what it takes, and how small a difference it can tell.")
    ] = False,
    example: Annotated[bool, typer.Option("--example", help="Print a plan to begin with.")] = False,
    json: Json = False,
) -> None:
    """Compare settings (models, memories, methods, adapters) over suites and seeds, on the same tasks, in one budget.

    Differences come with intervals and tests, adjusted for being several, and with "cannot tell" where they cannot.
    Interrupted, the same command with the same --out goes on.

    Example: knowhow compare --example > plan.yaml && knowhow compare plan.yaml --out runs/compare
    """
    if example:
        typer.echo(EXAMPLE, nl=False)
        return

    from knowhow.environments.errors import BadSetting
    from knowhow.evals.compare.compare import preview
    from knowhow.evals.compare.plan import from_file
    from knowhow.evals.compare.show import show_comparison, show_preview

    if plan is None:
        raise BadSetting("name a plan: knowhow compare --example > plan.yaml writes one to begin with")
    made = from_file(plan)
    told = preview(made)
    if dry_run:
        typer.echo(lines.dumps(told)) if json else show_preview(told)
        return
    if not json:
        show_preview(told)
    folder = out or Path("runs") / f"compare-{plan.stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    result, page = _played(made, folder, at_once, told["cells"])
    typer.echo(lines.dumps(result)) if json else show_comparison(result, page)


def _played(plan: Plan, folder: Path, at_once: int, cells: int) -> tuple[dict[str, Any], Path]:
    import asyncio
    import shlex

    from knowhow.evals.compare.compare import compare as play
    from knowhow.evals.compare.page import write_page
    from knowhow.evals.progress import CellBars

    try:
        with CellBars(cells) as bars:
            result = asyncio.run(play(plan, folder, bars.cell, at_once))
    except KeyboardInterrupt:
        typer.echo(
            f"interrupted; nothing finished is lost. Go on by the same command with --out {shlex.quote(str(folder))}",
            err=True,
        )
        raise typer.Exit(130) from None
    return result, write_page(result, folder)


def repeat(
    result: Annotated[Path, typer.Argument(help="A run folder, or the folder of a comparison.")],
    out: Annotated[Path | None, typer.Option(help="The folder to make; RESULT-repeat... by default.")] = None,
    at_once: Annotated[int, typer.Option(help="Cells of a comparison at a time.", min=1)] = 2,
    json: Json = False,
) -> None:
    """Play what a result tells of once more, and say whether it agrees within the interval. Exits 1 where it does not.

    Example: knowhow repeat runs/demo
    """
    import asyncio

    from knowhow.evals.compare.show import show_repeat
    from knowhow.evals.progress import CellBars
    from knowhow.evals.repeat import cells_of
    from knowhow.evals.repeat import repeat as play

    folder = out or result.with_name(f"{result.name}-repeat-{time.strftime('%Y%m%d-%H%M%S')}")
    with CellBars(cells_of(result)) as bars:
        told = asyncio.run(play(result, folder, bars.cell, at_once))
    typer.echo(lines.dumps(told)) if json else show_repeat(told)
    raise typer.Exit(0 if told["agrees"] else 1)
