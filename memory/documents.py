"""What the formats of ``memory/formats`` share: reading a file, and items that come from one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from knowhow.environments.errors import BadSetting
from knowhow.memory.types import Item, Status, Trust

PLAYBOOK = "playbook"


def text_of(path: Path) -> str:
    """The file's text. Raises: BadSetting where there is none, or it is no UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise malformed(path, line, "it is no UTF-8 text") from None
    except OSError as error:
        raise BadSetting(f"cannot read {path}: {error.strerror}; name a file that is there") from None


def malformed(path: Path, line: int | None, why: str) -> BadSetting:
    """The error for a file that is not as it should be."""
    where = f"{path}, line {line}" if line else f"{path}"
    return BadSetting(f"{where}: {why}; nothing was imported")


def imported(id: str, text: str, section: str, status: Status = Status.CANDIDATE, **counts: int) -> Item:
    """A playbook item that a file told of; what was active elsewhere has to prove itself here. No ``id``: a new one.
    ``counts``: uses, helpful, harmful."""
    stands = Status.CANDIDATE if status is Status.ACTIVE else status
    item = Item(id, PLAYBOOK, text, {"section": section} if section else {}, trust=Trust.IMPORTED, status=stands)
    return replace(item, **counts)  # type: ignore[arg-type]


def known_id(id: str) -> str:
    """An id of Knowhow's form, such as ``str-00001``, or nothing."""
    return id if re.fullmatch(r"[a-z]+-\d{1,15}", id) else ""


def section_of(heading: str) -> str:
    """The playbook's section that a heading names with one of its words, else the heading itself, in lower case."""
    from knowhow.memory.banks.playbook import SECTIONS

    words = re.findall(r"[a-z]+", heading.lower())
    return next((word for word in words if word in SECTIONS), heading.strip().lower() or "others")


def by_section(items: Iterable[Item]) -> dict[str, list[Item]]:
    """The playbook items by section, in the order in which the sections come first."""
    sections: dict[str, list[Item]] = {}
    for item in items:
        if item.kind == PLAYBOOK:
            sections.setdefault(str(item.data.get("section", "others")), []).append(item)
    return sections


def record(item: Item) -> str:
    """What an item did so far, in words."""
    worth = f", effect {effect(item)}" if item.effect else ""
    return f"{item.status}, shown {item.uses} times, helpful {item.helpful}, harmful {item.harmful}{worth}"


def effect(item: Item) -> str:
    """``+0.31 (+0.05 to +0.57)``: the measured effect on the reward, with its 95% interval; empty where there is
    none."""
    told = item.effect or {}
    if not {"mean", "low", "high"} <= told.keys():
        return ""
    return f"{told['mean']:+.2f} ({told['low']:+.2f} to {told['high']:+.2f})"
