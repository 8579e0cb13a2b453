"""``knowhow memory``: look at what a run learned, compare versions, go back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from knowhow.evals.cli_review import review
from knowhow.evals.cli_trace import blame, why
from knowhow.evals.memory_folder import Json, Run, Version, alone, memory_in, tell

if TYPE_CHECKING:
    from knowhow.memory.store import Memory
    from knowhow.memory.types import Item

memory_app = typer.Typer(
    help="Show, review, compare, import, export and roll back what a run has learned.", no_args_is_help=True
)
for command in (review, blame, why):
    memory_app.command()(command)

Format = Annotated[
    str | None, typer.Option("--format", help="markdown, ace, json or agent_skills; by default what it looks like.")
]


@memory_app.command()
def show(
    run: Run,
    version: Version = None,
    kind: Annotated[str | None, typer.Option(help="Only items of this kind; notes of banks only so.")] = None,
    json: Json = False,
) -> None:
    """Show every item with its record.

    Example: knowhow memory show runs/demo
    """
    from knowhow.memory.formats.json import to_json

    with memory_in(run) as memory:
        number, items = _items(memory, version, kind)
    tell(to_json(items, number), json, lambda: _table(items, number))


@memory_app.command()
def log(run: Run, json: Json = False) -> None:
    """Show every version: when, why, and what kind of edits."""
    from knowhow.memory.codec import encode
    from knowhow.memory.exports import batch_line

    with memory_in(run) as memory:
        batches = memory.journal.log()
    tell(
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

    with memory_in(run) as memory:
        to = memory.version if after is None else after
        changes = memory.journal.diff(before, to)
    told = {"before": before, "after": to, "changes": [encode(change) for change in changes]}
    lines = [line for change in changes for line in change_lines(change)]
    tell(told, json, lambda: typer.echo("\n".join(lines) or f"versions {before} and {to} are the same"))


@memory_app.command()
def rollback(
    run: Run, version: Annotated[int, typer.Argument(help="The version to go back to; 0 is empty.")], json: Json = False
) -> None:
    """Go back to a version. That is one more version: nothing is lost, and it can be undone the same way.

    Example: knowhow memory rollback runs/demo 2
    """
    with alone(run), memory_in(run) as memory:
        made = memory.journal.rollback(version)
    tell(
        {"rolled_back_to": version, "version": made},
        json,
        lambda: typer.echo(f"version {made} holds what version {version} held"),
    )


@memory_app.command()
def export(
    run: Run,
    out: Annotated[Path | None, typer.Option(help="A file, or a folder, to write; stdout by default.")] = None,
    format: Annotated[str | None, typer.Option(help="markdown (the default), ace, json or agent_skills.")] = None,
    version: Version = None,
    json: Json = False,
) -> None:
    """Write the memory down: Markdown for people, the playbook alone in ACE's text, or JSON, which keeps all.

    --json without --format is JSON.

    Example: knowhow memory export runs/demo --format ace --out playbook.txt
    """
    from knowhow.memory.exports import open_format, write_files

    name = format or ("json" if json else "markdown")
    with memory_in(run) as memory:
        number, items = _items(memory, version, None, notes=True)
    files = open_format(name).write(items, number)
    if out is None and set(files) == {""}:
        typer.echo(files[""], nl=False)
        return
    where = write_files(files, out)
    tell(
        {"export": str(where), "format": name, "version": number},
        json,
        lambda: typer.echo(f"memory, version {number}: {where}"),
    )


@memory_app.command(name="import")
def import_(
    run: Run,
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A file, or a folder, to read.")],
    format: Format = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Your own JSON: every item as it was, measured and approved things too.")
    ] = False,
    json: Json = False,
) -> None:
    """Read a playbook or a memory from a file: all of it in one version, or nothing.

    A playbook's lessons become candidates of the tier "imported": nothing in a file counts as measured or approved.
    What might be run or followed in other ways waits for `knowhow memory review`; what banks noted for themselves is
    skipped. --exact brings a JSON export back as it was.

    Example: knowhow memory import runs/demo playbook.md
    """
    import asyncio

    from knowhow.environments.errors import BadSetting
    from knowhow.memory.exports import format_of, open_format
    from knowhow.memory.fitting import refuse_unfit
    from knowhow.memory.imports import bring, doubted

    name = format or format_of(source)
    chosen = open_format(name)
    if exact and not chosen.exact:
        raise BadSetting(f"--exact is for JSON, which keeps all of an item, not for {name}")
    items = chosen.read(source)
    kept = items if exact else doubted(items)
    asyncio.run(refuse_unfit(kept))
    with alone(run), memory_in(run) as memory:
        added = bring(memory, kept, exact=exact, note=f"imported from {source.name}")
        number = memory.version
    present, notes = len(kept) - len(added), len(items) - len(kept)
    told = {"imported": added, "present": present, "skipped": notes, "format": name, "version": number}
    line = f"version {number}: {len(added)} items imported from {source}, {present} were there already"
    tell(told, json, lambda: typer.echo(f"{line}, {notes} notes of banks skipped" if notes else line))


def _items(memory: Memory, version: int | None, kind: str | None, *, notes: bool = False) -> tuple[int, list[Item]]:
    """The items of a kind; of all kinds the lessons, what banks note for themselves only with ``notes``."""
    from knowhow.environments.discover import names, unknown
    from knowhow.evals.stage import BANKS

    number = memory.version if version is None else version
    items = memory.journal.items(number).values()
    kinds = sorted({*names(BANKS), *(item.kind for item in items)})
    if kind and kind not in kinds:
        raise unknown("kind of item", kind, kinds)
    return number, [item for item in items if item.kind == kind or (not kind and (notes or item.status != "record"))]


def _table(items: list[Item], version: int) -> None:
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
