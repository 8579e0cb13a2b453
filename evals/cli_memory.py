"""``knowhow memory``: look at what a run learned, compare versions, go back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

memory_app = typer.Typer(help="Show, compare, export and roll back what a run has learned.", no_args_is_help=True)

Run = Annotated[Path, typer.Argument(help="A run folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Version = Annotated[int | None, typer.Option(help="A past version; the present one by default.")]


@memory_app.command()
def show(
    run: Run,
    version: Version = None,
    kind: Annotated[str | None, typer.Option(help="Only items of this kind.")] = None,
    json: Json = False,
) -> None:
    """Show every item with its record.

    Example: knowhow memory show runs/demo
    """
    from knowhow.memory.exports import to_json

    with _memory(run) as memory:
        number, items = _items(memory, version, kind)
    _print(to_json(items, number), json, lambda: _table(items, number))


@memory_app.command()
def log(run: Run, json: Json = False) -> None:
    """Show every version: when, why, and what kind of edits."""
    from knowhow.memory.codec import encode
    from knowhow.memory.exports import batch_line

    with _memory(run) as memory:
        batches = memory.journal.log()
    _print(
        {"log": [encode(batch) for batch in batches]},
        json,
        lambda: typer.echo("\n".join(map(batch_line, batches)) or "nothing was learned yet"),
    )


@memory_app.command()
def diff(
    run: Run,
    before: Annotated[int, typer.Argument(help="A version; 0 is empty.")],
    after: Annotated[int | None, typer.Argument(help="Another; the present one by default.")] = None,
    json: Json = False,
) -> None:
    """Show what changed between two versions.

    Example: knowhow memory diff runs/demo 1 3
    """
    from knowhow.memory.codec import encode
    from knowhow.memory.exports import change_lines

    with _memory(run) as memory:
        to = memory.version if after is None else after
        changes = memory.journal.diff(before, to)
    told = {"before": before, "after": to, "changes": [encode(change) for change in changes]}
    lines = [line for change in changes for line in change_lines(change)]
    _print(told, json, lambda: typer.echo("\n".join(lines) or f"versions {before} and {to} are the same"))


@memory_app.command()
def rollback(
    run: Run, version: Annotated[int, typer.Argument(help="The version to go back to; 0 is empty.")], json: Json = False
) -> None:
    """Go back to a version. That is one more version: nothing is lost, and it can be undone the same way.

    Example: knowhow memory rollback runs/demo 2
    """
    from knowhow.evals.folder import held

    with held(run), _memory(run) as memory:
        made = memory.journal.rollback(version)
    _print(
        {"rolled_back_to": version, "version": made},
        json,
        lambda: typer.echo(f"version {made} holds what version {version} held"),
    )


@memory_app.command()
def export(
    run: Run,
    out: Annotated[Path | None, typer.Option(help="A file to write; stdout by default.")] = None,
    version: Version = None,
    json: Json = False,
) -> None:
    """Write the memory as Markdown, or as JSON.

    Example: knowhow memory export runs/demo --out playbook.md
    """
    from knowhow.memory.exports import to_json, to_markdown

    with _memory(run) as memory:
        number, items = _items(memory, version, None)
    text = _dumped(to_json(items, number)) if json else to_markdown(items, number)
    if out is None:
        typer.echo(text, nl=json)
        return
    out.write_text(text, encoding="utf-8")
    _print({"export": str(out), "version": number}, json, lambda: typer.echo(f"memory, version {number}: {out}"))


def _memory(run: Path) -> Any:
    from knowhow.evals.run import open_memory_of

    return open_memory_of(str(run))


def _items(memory: Any, version: int | None, kind: str | None) -> tuple[int, list[Any]]:
    number = memory.version if version is None else version
    return number, [item for item in memory.journal.items(number).values() if kind in (None, item.kind)]


def _table(items: list[Any], version: int) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from knowhow.memory.exports import effect

    table = Table(
        title=f"memory, version {version}: {len(items)} items", title_justify="left", box=None, header_style="bold"
    )
    for name in ("id", "status", "shown", "helpful", "harmful"):
        table.add_column(name, justify="left" if name in ("id", "status") else "right", no_wrap=True)
    table.add_column("effect (95%)", justify="right")
    table.add_column("text", overflow="fold")
    for item in items:
        counts = (str(item.uses), str(item.helpful), str(item.harmful))
        table.add_row(item.id, item.status, *counts, effect(item), escape(item.text))
    Console().print(table)


def _dumped(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _print(told: dict[str, Any], as_json: bool, show: Any) -> None:
    if as_json:
        typer.echo(_dumped(told))
    else:
        show()
