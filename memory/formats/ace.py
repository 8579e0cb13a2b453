"""ACE's text format: bullets with counters under headings (arXiv 2510.04618, and the playbooks of its public code).

    ## STRATEGIES & INSIGHTS
    [sai-00001] helpful=1 harmful=0 :: Read the whole receipt before adding anything up.

It holds playbook bullets alone, one line each. It has no word for where a bullet stands, so it gets only those that may
be shown: what waits for a person, or had its trial, must not come back as a lesson.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from knowhow.memory.documents import by_section, imported, known_id, malformed, section_of, text_of
from knowhow.memory.store import SHOWN
from knowhow.memory.types import Item

_BULLET = re.compile(r"(?:[-*] +)?\[([^\]]*)\] *helpful=(\d+) +harmful=(\d+) *::(.*)")
_SURE = 0.9


class Ace:
    """Sections in capitals, as its code writes them."""

    exact = False

    def likely(self, path: Path) -> float:
        """By what it says, whatever its name."""
        return _SURE if path.is_file() and any(map(_BULLET.match, text_of(path).splitlines())) else 0.0

    def read(self, path: Path) -> list[Item]:
        """Its bullets as playbook items of the tier IMPORTED. Raises: BadSetting."""
        items, section = [], "others"
        for number, line in enumerate(map(str.strip, text_of(path).splitlines()), 1):
            if line.startswith("#"):
                section = section_of(line.lstrip("# "))
            elif line:
                items.append(_bullet(path, number, line, section))
        return items

    def write(self, items: Sequence[Item], version: int) -> Mapping[str, str]:
        """The bullets that may be shown."""
        sections = by_section(item for item in items if item.status in SHOWN)
        blocks = ["\n".join([f"## {name.upper()}", *map(_line, members)]) for name, members in sections.items()]
        return {"": "\n\n".join(blocks) + "\n"}


def _bullet(path: Path, number: int, line: str, section: str) -> Item:
    found = _BULLET.fullmatch(line)
    if found is None:
        raise malformed(path, number, f"{line[:40]!r} is neither a heading nor '[id] helpful=0 harmful=0 :: text'")
    id, helpful, harmful, text = found.groups()
    if not text.strip():
        raise malformed(path, number, f"the bullet [{id}] has no text")
    return imported(known_id(id), text.strip(), section, helpful=int(helpful), harmful=int(harmful))


def _line(item: Item) -> str:
    return f"[{item.id}] helpful={item.helpful} harmful={item.harmful} :: {' '.join(item.text.split())}"
