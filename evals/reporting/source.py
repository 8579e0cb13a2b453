"""A run folder as a report reads it: what was asked, what came of it, its memory and its episodes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from knowhow.environments.types import Usage
from knowhow.evals.folder import read_about, read_result
from knowhow.evals.reporting.adapters import Trained, trained
from knowhow.evals.reporting.embedded import gather, sources
from knowhow.evals.reporting.figures import by_phase
from knowhow.evals.reporting.versions import Version, history
from knowhow.memory.codec import decode
from knowhow.memory.episodes import Episodes, Summary
from knowhow.memory.journal import Journal
from knowhow.memory.types import Item, Status


@dataclass(frozen=True, slots=True)
class Kept:
    """The memory that a run built or used, at ``version``; ``note`` says what there is to know about it."""

    items: Sequence[Item] = ()
    versions: Sequence[Version] = ()
    version: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder as it was read.

    ``episodes`` are all, phase by phase; ``steps`` those that the page shows step by step. ``result`` is None where the
    run is not finished, ``spent`` where the folder does not tell it.
    """

    folder: Path
    about: Mapping[str, Any]
    result: Mapping[str, Any] | None
    spent: Usage | None
    episodes: Sequence[Summary]
    steps: Sequence[Mapping[str, Any]]
    memory: Kept = field(default_factory=Kept)
    adapters: Sequence[Trained] = ()


def read(folder: Path, most: int) -> Run:
    """The run in ``folder``, with at most ``most`` episodes step by step. Raises: MemoryDamaged."""
    about, result = read_about(folder), read_result(folder)
    with Episodes.open(folder) as store:
        episodes = [one for ones in by_phase(store.summaries()).values() for one in ones]
        memory = _memory(folder, about, result, episodes)
        steps = gather(episodes, sources(memory.items), most, store.get)
    return Run(folder, about, result, _spent(folder), episodes, steps, memory, trained(folder))


def _memory(
    folder: Path, about: Mapping[str, Any], result: Mapping[str, Any] | None, episodes: Sequence[Summary]
) -> Kept:
    if about["kind"] == "evolve":
        begun = result is None and not (folder / "journal.db").exists()
        return Kept(note="Nothing was written to memory yet.") if begun else _kept(folder, since=_began(about))
    used = str(about.get("settings", {}).get("memory", "none"))
    if used == "none":
        return Kept(note="This run had no memory.")
    if not (Path(used) / "journal.db").is_file():
        return Kept(note=f"This run used the memory in {used}, which is not here now.")
    version = max((one.memory_version for one in episodes), default=None)
    note = f"The memory in {used}, as this run used it. Nothing was learned here."
    return _kept(Path(used), version=version, note=note)


def _kept(folder: Path, *, version: int | None = None, since: float = 0.0, note: str = "") -> Kept:
    with Journal.open(folder / "journal.db") as journal:
        at = journal.version if version is None else version
        items = [item for item in journal.items(at).values() if item.status is not Status.RECORD]
        return Kept(items, history(journal.log(before=at + 1), since), at, note)


def _began(about: Mapping[str, Any]) -> float:
    """When the run began, in seconds since the epoch; 0 where the folder does not tell."""
    with suppress(ValueError, TypeError):
        return datetime.fromisoformat(about["made"]).timestamp()
    return 0.0


def _spent(folder: Path) -> Usage | None:
    with suppress(OSError, ValueError):
        return decode(Usage, json.loads((folder / "spent.json").read_text(encoding="utf-8")))
    return None
