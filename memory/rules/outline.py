"""How a manual is laid out: the Formulator's categories, each with its key points (AutoManual, arXiv 2405.16247,
section 3.4).

The outline is one item beside the rules. The manual itself is made from both whenever it is read, so that it never
shows a rule that was retired or is held back, nor the key points of a category of which one is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from knowhow.memory.delta import Draft, origin
from knowhow.memory.lineage import Ids
from knowhow.memory.rules.rules import entry
from knowhow.memory.store import Memory
from knowhow.memory.types import Item, Status

KIND, PREFIX = "outline", "out"
_REST = "Other rules"


@dataclass(frozen=True, slots=True)
class Category:
    """``points`` sums up the rules of these ids."""

    name: str
    points: str = ""
    rules: tuple[str, ...] = ()


def read_categories(said: Mapping[str, object] | None, known: Collection[str]) -> list[Category]:
    """The categories in a Formulator's reply, each known rule in the first that names it."""
    listed, left, found = (said or {}).get("categories"), set(known), []
    for raw in listed if isinstance(listed, list) else []:
        if isinstance(raw, dict) and isinstance(raw.get("rules"), list):
            named = (str(id).strip("[] ") for id in raw["rules"])
            rules = tuple(dict.fromkeys(id for id in named if id in left))
            left -= set(rules)
            found.append(Category(_line(raw.get("name")) or _REST, _line(raw.get("key_points")), rules))
    return [category for category in found if category.rules]


def outline(memory: Memory) -> list[Category]:
    """The categories as they were last formulated; none where that was never done."""
    return categories_of(memory.items(KIND))


def categories_of(items: Iterable[Item]) -> list[Category]:
    """The categories of the outline among these items."""
    item = next((item for item in items if item.kind == KIND), None)
    return [] if item is None else [Category(name, points, tuple(ids)) for name, points, ids in item.data["categories"]]


def keep_outline(draft: Draft, categories: Sequence[Category], rules: Sequence[Item], ids: Ids) -> None:
    """The edit that makes these the outline; none where they are it already. ``draft`` is over the items of its
    kind."""
    data = {"categories": [[one.name, one.points, list(one.rules)] for one in categories]}
    text = " ".join(f"{one.name} ({len(one.rules)} rules): {one.points}" for one in categories)
    old = next(iter(draft.items.values()), None)
    fields: dict[str, Any] = {"text": text, "data": data, "trust": origin(rules)["trust"]}
    if old is None:
        made = Item(ids.next(PREFIX), KIND, "", split=rules[0].split, status=Status.ACTIVE)
        draft.add(replace(made, **fields), "the manual was laid out")
    elif (old.text, old.data) != (text, data):
        draft.set(old.id, "the manual was laid out anew", **fields)


def markdown(categories: Sequence[Category], rules: Sequence[Item]) -> str:
    """The manual of these rules by category; empty where there are none."""
    left = {rule.id: rule for rule in rules}
    blocks = []
    for category in (*categories, Category(_REST, "", tuple(left))):
        own = [left.pop(id) for id in category.rules if id in left]
        points = [category.points] if category.points and len(own) == len(category.rules) else []
        if own:
            blocks.append("\n".join([f"## {category.name}", *points, *map(entry, own)]))
    return "\n\n".join(["# Manual", *blocks]) if blocks else ""


def _line(value: object) -> str:
    return " ".join(str(value or "").split())
