"""The adapters that a run trained: how each was made, how its loss fell, and how its trial went."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from knowhow.memory.journal import Journal
from knowhow.training.registry import Registry
from knowhow.training.types import Adapter


@dataclass(frozen=True, slots=True)
class Trained:
    """An adapter, and the loss of each of its updates (none where the folder does not keep them)."""

    adapter: Adapter
    losses: Sequence[float] = ()

    @property
    def line(self) -> str:
        """The losses as the points of an SVG polyline, 0 to 100 across and 0 (the highest loss) to 100 (none) down."""
        most, steps = max(self.losses), max(1, len(self.losses) - 1)
        return " ".join(f"{100 * n / steps:.2f},{100 - 100 * one / most:.2f}" for n, one in enumerate(self.losses))


def trained(folder: Path) -> list[Trained]:
    """The adapters in the journal of a run folder, by id. Raises: MemoryDamaged."""
    if not (folder / "journal.db").is_file():
        return []
    with Journal.open(folder / "journal.db") as journal:
        return [Trained(one, _losses(folder / one.path)) for one in Registry(journal).adapters()]


def _losses(weights: Path) -> Sequence[float]:
    try:
        read = json.loads((weights.parent / "training.json").read_text(encoding="utf-8"))
        losses = [float(one) for one in read.get("losses", [])]
    except (OSError, ValueError, TypeError, AttributeError):
        return ()
    return losses if losses and max(losses) > 0 else ()
