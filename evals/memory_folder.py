"""What the memory commands share: opening the memory in a folder, holding it while it changes, and printing."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from knowhow.memory.episodes import Episodes
    from knowhow.memory.store import Memory

Run = Annotated[Path, typer.Argument(help="A run folder, or the memory folder of an agent with the middleware.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Version = Annotated[int | None, typer.Option(help="A past version; the present one by default.")]


def memory_in(folder: Path) -> Memory:
    """Raises: MemoryDamaged."""
    from knowhow.evals.run import open_memory_of
    from knowhow.memory.store import Memory

    return Memory.open(folder) if _of_agent(folder) else open_memory_of(str(folder))


def episodes_in(folder: Path) -> Episodes:
    """Raises: MemoryDamaged."""
    from knowhow.memory.episodes import Episodes

    return Episodes.open(folder)


def alone(folder: Path) -> AbstractContextManager[None]:
    """Keeps other processes out of a run folder; the agents of a memory folder go on, every batch is whole for them."""
    from knowhow.evals.folder import held

    return nullcontext() if _of_agent(folder) else held(folder)


def dumped(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def tell(told: dict[str, Any], as_json: bool, show: Callable[[], object]) -> None:
    if as_json:
        typer.echo(dumped(told))
    else:
        show()


def _of_agent(folder: Path) -> bool:
    from knowhow.memory.middleware import ABOUT

    return (folder / ABOUT).exists() and not (folder / "run.json").exists()
