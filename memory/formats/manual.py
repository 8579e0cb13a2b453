"""The manual alone, in Markdown by category, for a person or a smaller model to work by (AutoManual, arXiv 2405.16247,
section 3.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from knowhow.environments.errors import BadSetting
from knowhow.memory.rules.outline import categories_of, markdown
from knowhow.memory.store import SHOWN
from knowhow.memory.types import Item

RULES = "manual"


class Manual:
    """It is written, not read."""

    exact = False

    def likely(self, path: Path) -> float:
        return 0.0

    def read(self, path: Path) -> list[Item]:
        """Raises: BadSetting."""
        raise BadSetting(f"{path}: a manual is not read again; import the memory as json, or the text as markdown")

    def write(self, items: Sequence[Item], version: int) -> Mapping[str, str]:
        rules = [item for item in items if item.kind == RULES and item.status in SHOWN]
        return {"": (markdown(categories_of(items), rules) or "# Manual\n\nThere are no rules yet.") + "\n"}
