"""What changed in memory, version by version: the journal's log as a reader wants it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import SequenceMatcher
from typing import Any, Literal

from knowhow.memory.codec import encode
from knowhow.memory.fold import Change, apply, touched
from knowhow.memory.types import Batch, Item

COUNTERS = ("uses", "helpful", "harmful")
_OTHERS = tuple(field.name for field in fields(Item) if field.name not in (*COUNTERS, "text", "effect"))
"""An effect moves with every episode; the card has the present one, and an edit's reason that of its decision."""
_LONGEST_COMPARED = 1_500
"""Words up to which two texts are compared word by word; the time grows with their product."""

Piece = tuple[Literal["same", "new", "old"], str]


@dataclass(frozen=True, slots=True)
class Version:
    """One batch and what it did to each item, in the order of ids; ``why`` gives the reasons by item.

    ``edited`` are items before and after, of which more than counters changed; ``counted`` those of which only counters
    did, with by how much. ``inherited``: it was written before this run, which went on from another's memory.
    """

    batch: Batch
    changes: tuple[Change, ...]
    added: tuple[Item, ...]
    removed: tuple[Item, ...]
    edited: tuple[tuple[Item, Item], ...]
    counted: tuple[tuple[Item, Mapping[str, int]], ...]
    why: Mapping[str, str]
    inherited: bool = False


@dataclass(frozen=True, slots=True)
class Removed:
    """An item that memory no longer holds, as it was last; the version that took it out, and why."""

    item: Item
    version: int
    why: str


def history(log: Iterable[Batch], since: float = 0.0) -> list[Version]:
    """The versions in a journal's log, which starts at 1, oldest first. ``since``: when the run began (Unix time)."""
    items: dict[str, Item] = {}
    return [_version(batch, items, inherited=batch.at < since) for batch in log]


def graveyard(versions: Sequence[Version]) -> list[Removed]:
    """The items that were removed and not added again, by id."""
    gone: dict[str, Removed] = {}
    for version in versions:
        for item in version.added:
            gone.pop(item.id, None)
        for item in version.removed:
            gone[item.id] = Removed(item, version.batch.version, version.why.get(item.id, ""))
    return [gone[name] for name in sorted(gone)]


def moved(before: Item, after: Item) -> dict[str, int]:
    """By how much each counter changed, where it did."""
    differences = {name: getattr(after, name) - getattr(before, name) for name in COUNTERS}
    return {name: change for name, change in differences.items() if change}


def other_changes(before: Item, after: Item) -> dict[str, tuple[Any, Any]]:
    """The fields beside text and counters that changed, with both values."""
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in _OTHERS}
    return {name: (encode(old), encode(new)) for name, (old, new) in pairs.items() if old != new}


def worded(before: str, after: str) -> list[Piece]:
    """Two texts as one: the pieces that both have, those that came, and those that went."""
    one, other = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (before, after))
    if max(len(one), len(other)) > _LONGEST_COMPARED:
        return [("old", before), ("new", after)]
    return [piece for piece in _pieces(one, other) if piece[1]]


def deltas(versions: Sequence[Version]) -> list[dict[str, Any]]:
    """What the page folds to show any version: by item, the fields that changed, or None where it went."""
    return [
        {"version": one.batch.version, "set": {change.item: _delta(change) for change in one.changes}}
        for one in versions
    ]


def _version(batch: Batch, items: dict[str, Item], *, inherited: bool) -> Version:
    after = touched(items, batch.edits)
    pairs = ((name, items.get(name), item) for name, item in sorted(after.items()))
    changes = tuple(Change(name, before, item) for name, before, item in pairs if before != item)
    apply(items, after)
    both = [(change.before, change.after) for change in changes if change.before and change.after]
    return Version(
        batch=batch,
        changes=changes,
        added=tuple(change.after for change in changes if change.after and not change.before),
        removed=tuple(change.before for change in changes if change.before and not change.after),
        edited=tuple((old, new) for old, new in both if _beyond_counters(old, new)),
        counted=tuple((new, by) for old, new in both if not _beyond_counters(old, new) and (by := moved(old, new))),
        why={edit.item: edit.why for edit in batch.edits if edit.why},
        inherited=inherited,
    )


def _beyond_counters(before: Item, after: Item) -> bool:
    return before.text != after.text or any(getattr(before, name) != getattr(after, name) for name in _OTHERS)


def _pieces(one: Sequence[str], other: Sequence[str]) -> Iterator[Piece]:
    for _, start, end, new_start, new_end in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        old, new = "".join(one[start:end]), "".join(other[new_start:new_end])
        yield from (("same", old),) if old == new else (("old", old), ("new", new))


def _delta(change: Change) -> dict[str, Any] | None:
    if change.after is None:
        return None
    new, old = _shown(change.after), _shown(change.before) if change.before else {}
    return {name: value for name, value in new.items() if old.get(name) != value}


def _shown(item: Item) -> dict[str, Any]:
    section = str(item.data.get("section", item.kind))
    counters = {name: getattr(item, name) for name in COUNTERS}
    return {"text": item.text, "section": section, "status": item.status.value, **counters}
