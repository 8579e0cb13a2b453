"""A memory as a document: Markdown for people, JSON for machines."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from knowhow.memory.codec import encode
from knowhow.memory.fold import Change
from knowhow.memory.types import Batch, Item


def to_markdown(items: Iterable[Item], version: int) -> str:
    """The items by kind and section, each with its record, in Markdown."""
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        groups.setdefault((item.kind, str(item.data.get("section", ""))), []).append(item)
    lines = [f"# Memory, version {version}"]
    for (kind, section), members in sorted(groups.items()):
        lines += ["", f"## {kind.capitalize()}{f': {section}' if section else ''}", ""]
        lines += [f"- **{item.id}** {item.text} _({record(item)})_" for item in members]
    return "\n".join(lines) + "\n"


def to_json(items: Iterable[Item], version: int) -> dict[str, Any]:
    return {"version": version, "items": [encode(item) for item in items]}


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


def batch_line(batch: Batch) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(batch.at))
    counts: dict[str, int] = {}
    for edit in batch.edits:
        counts[edit.op] = counts.get(edit.op, 0) + 1
    edits = ", ".join(f"{number} {op}" for op, number in sorted(counts.items())) or "no edits"
    return f"{batch.version:>5}  {at}  {batch.note or '-'} ({edits})"


def change_lines(change: Change) -> list[str]:
    """A change as a diff: ``-`` what was, ``+`` what is; for the same text, what else differs."""
    before, after = change.before, change.after
    if before is None or after is None or before.text != after.text:
        gone = [f"- {change.item}  {before.text}"] if before else []
        return gone + ([f"+ {change.item}  {after.text}"] if after else [])
    names = [name for name in Item.__dataclass_fields__ if getattr(before, name) != getattr(after, name)]
    return [
        f"~ {change.item}  "
        + ", ".join(f"{n}: {_short(getattr(before, n))} -> {_short(getattr(after, n))}" for n in names)
    ]


def _short(value: object) -> str:
    return f"{len(value)} entries" if isinstance(value, tuple | dict) else str(value)
