"""``knowhow leaks``: was what is measured known before?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from knowhow.evals.memory_folder import tell
from knowhow.evals.options import Json


def leaks(
    what: Annotated[str, typer.Argument(help="A suite, or a run folder: its suite, memory and training episodes.")],
    split: Annotated[str, typer.Option(help="The split that is measured on.")] = "test",
    tasks: Annotated[int, typer.Option(help="How many of its tasks to look for.", min=1)] = 200,
    opened: Annotated[
        bool, typer.Option("--open", help="Compare tasks with what is seen at their start, which opens each one.")
    ] = False,
    json: Json = False,
) -> None:
    """Look for tasks of a split that are copies of training tasks, or that memory or training data holds.

    Exits 1 where there are more than training tasks explain. `run` refuses a memory that holds tasks it is measured on.

    Example: knowhow leaks runs/demo
    """
    found = _found(what, split, tasks, opened)
    tell(found, json, lambda: typer.echo("\n".join(_lines(found))))
    raise typer.Exit(1 if found["leak"] else 0)


def _found(what: str, split: str, tasks: int, opened: bool) -> dict[str, Any]:
    import asyncio

    from knowhow.evals.folder import read_about
    from knowhow.evals.leaks.guard import as_dicts, between_splits, in_data, in_memory
    from knowhow.evals.run import learned_embedder
    from knowhow.evals.stage import open_suite
    from knowhow.evals.tasks import ordered
    from knowhow.evals.training import episodes_of
    from knowhow.memory.store import Memory

    run = Path(what) if Path(what).is_dir() else None
    suite = open_suite(read_about(run)["settings"]["suite"] if run else what)
    found: dict[str, Any] = {"splits": asyncio.run(between_splits(suite, split, tasks, opened=opened))}
    if run:
        measured = ordered(suite, split, 0)[:tasks]
        if (run / "journal.db").exists():
            with Memory.open(run, embedder=learned_embedder(what)) as memory:
                found["memory"] = as_dicts(in_memory(memory.items(), measured, suite, learned_embedder(what)))
        taught = [one for one in episodes_of(run) if one.task.split == "train"]
        found["data"] = as_dicts(in_data(taught, measured, suite))
    return {**found, "leak": found["splits"]["leak"] or bool(found.get("memory")) or bool(found.get("data"))}


def _lines(found: dict[str, Any]) -> list[str]:
    splits = found["splits"]
    lines = [
        f"{splits['copies']} of {splits['tasks']} {splits['split']} tasks have a copy in train; so have "
        f"{splits['train_copies']} of {splits['train_tasks']} training tasks among themselves"
        + (f": a leak (p={splits['chance']:.2g})" if splits["leak"] else "")
        + ("" if splits["tells"] else ": they are made from templates, so that copies say nothing; try --open")
    ]
    if splits["leak"]:
        lines += [f"  {one['task']} is like {one['like']}: {one['goal']}" for one in splits["found"]]
    for name in ("memory", "data"):
        if name in found:
            lines.append(f"{name} holds {len(found[name]) or 'none'} of them")
            lines += [f"  {one['found']} holds {one['of']} ({one['by']}): {one['quote']}" for one in found[name][:20]]
    return lines
