"""A memory's items for its pages: chosen, ordered, and one with its whole history."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowhow.environments.discover import unknown
from knowhow.evals.reporting.figures import Rate, gain
from knowhow.evals.stats import Tried
from knowhow.evals.viewer.folders import Folder
from knowhow.evals.viewer.tallies import KNOWN, ROWS, WON
from knowhow.memory.documents import effect
from knowhow.memory.storage.batches import COLUMNS, batch
from knowhow.memory.trace import Deed
from knowhow.memory.types import Item, Status

PAGE = 50
CONTROL = "withheld"
"""The phase of the control, which goes without everything at once: no evidence for one item."""
LESSONS = "lessons"
"""All statuses but that of what banks note for themselves."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page of items is asked for; empty for all. ``text``: words, all of which are in its text, id or data."""

    text: str = ""
    kind: str = ""
    status: str = LESSONS
    task_kind: str = ""
    sort: str = "id"


@dataclass(frozen=True, slots=True)
class Listing:
    """``items`` are those of page ``page``, counted from 1, of ``found`` ones."""

    items: Sequence[Item]
    found: int
    page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.found // PAGE))


@dataclass(frozen=True, slots=True)
class Since:
    """Success of the episodes that showed an item, and of those that went without it on purpose."""

    shown: Rate
    withheld: Rate
    cited: Rate

    @property
    def gain(self) -> tuple[float, float, float] | None:
        """The difference and its interval, where both are known."""
        return gain(self.shown, self.withheld) if self.shown.n and self.withheld.n else None


def bound(name: str) -> Callable[[Item], float]:
    """An item's effect, or an end of its interval."""
    return lambda item: float((item.effect or {}).get(name, float("-inf")))


SORTS: Mapping[str, tuple[str, Callable[[Item], float]]] = {
    "id": ("by id", lambda item: 0),
    "effect": ("effect, best first", bound("mean")),
    "sure": ("surest to help first", bound("low")),
    "harm": ("surest to harm first", lambda item: -float((item.effect or {}).get("high", float("inf")))),
    "uses": ("most shown first", lambda item: item.uses),
    "harmful": ("most often harmful first", lambda item: item.harmful),
}
"""What the list can be ordered by: in words, and the figure, the highest first."""


def listing(items: Mapping[str, Item], asked: Asked, page: int) -> Listing:
    words = asked.text.lower().split()
    found = [item for item in items.values() if _fits(item, asked) and all(word in _haystack(item) for word in words)]
    found.sort(key=lambda item: -SORTS.get(asked.sort, SORTS["id"])[1](item))
    page = min(max(1, page), max(1, -(-len(found) // PAGE)))
    return Listing(found[(page - 1) * PAGE : page * PAGE], len(found), page)


def choices(items: Iterable[Item]) -> dict[str, list[str]]:
    """The kinds and kinds of task that there are."""
    pairs = {(item.kind, item.task_kind) for item in items}
    return {"kind": sorted({kind for kind, _ in pairs}), "task_kind": sorted({kind for _, kind in pairs if kind})}


def counts(items: Iterable[Item]) -> dict[str, int]:
    """How many there are of each status that any has."""
    found = [item.status for item in items]
    return {status.value: found.count(status) for status in Status if status in found}


def span(items: Iterable[Item]) -> float:
    """How far the scale of effects goes to either side: as far as an interval does, in quarters."""
    ends = [abs(float(item.effect[name])) for item in items if item.effect for name in ("low", "high")
            if name in item.effect]  # fmt: skip
    return max(0.25, -(-max(ends, default=0.25) // 0.25) * 0.25)


def history(folder: Folder, id: str) -> list[Deed]:
    """Every edit of an item, oldest first. Raises: UnknownName where there never was such an item."""
    query = f"SELECT {COLUMNS} FROM batches WHERE instr(edits, ?) ORDER BY version"
    batches = (batch(row) for row in folder.log.read(query, f'"item":{json.dumps(id)}'))
    deeds = [Deed(one.version, one.at, one.note, edit) for one in batches for edit in one.edits if edit.item == id]
    if not deeds:
        raise unknown("item", id, sorted(folder.journal.items())[:5])
    return deeds


def since(folder: Folder, id: str) -> Since:
    """What came of the episodes in which an item played a part."""
    counted = f"SELECT count(*), sum({KNOWN}), sum({KNOWN} AND {WON}) FROM {ROWS} WHERE phase != '{CONTROL}' "
    found = []
    for name in ("shown", "withheld", "cited"):
        inside = f"AND instr(summary, ?) AND EXISTS (SELECT 1 FROM json_each(summary, '$.{name}') WHERE value = ?)"
        ((_, known, won),) = folder.rows.read(counted + inside, json.dumps(id), id)
        found.append(Rate(Tried.once(won or 0, known or 0)))
    return Since(*found)


def sources(folder: Folder, ids: Sequence[str]) -> list[tuple[str, str | None]]:
    """The episodes that taught an item, with their tasks; None for what is not kept here."""
    known: dict[str, str] = dict(
        folder.rows.read(
            f"SELECT id, json_extract(summary, '$.task') FROM episodes WHERE id IN ({', '.join('?' * len(ids))})", *ids
        )
    )
    return [(id, known.get(id)) for id in ids]


def measured(deeds: Sequence[Deed]) -> list[tuple[int, Mapping[str, Any]]]:
    """The effects that were measured, with the versions of the memory that tell them."""
    told = ((deed.version, deed.edit.fields.get("effect")) for deed in deeds)
    return [(version, effect) for version, effect in told if effect and {"mean", "low", "high"} <= effect.keys()]


def told(name: str, value: object) -> str:
    """A field's value as an edit sets it, in words."""
    if name == "effect" and isinstance(value, Mapping):
        return effect(Item("", "", "", effect=value)) or str(value)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _fits(item: Item, asked: Asked) -> bool:
    wanted = {"kind": asked.kind, "task_kind": asked.task_kind}
    if any(value and getattr(item, name) != value for name, value in wanted.items()):
        return False
    return item.status is not Status.RECORD if asked.status == LESSONS else asked.status in ("", item.status)


def _haystack(item: Item) -> str:
    return f"{item.id} {item.text} {json.dumps(item.data, ensure_ascii=False) if item.data else ''}".lower()
