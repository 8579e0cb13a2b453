"""The algebra of edits: what edits make of a state, how two states differ, and what leads from one to the other.

All functions are pure. A state is a mapping from id to item.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

from knowhow.environments.errors import BadSetting
from knowhow.memory.codec import encode, field_readers
from knowhow.memory.types import Edit, Item, Op

COUNTERS = frozenset({"uses", "helpful", "harmful"})
"""The fields that ``Op.COUNT`` may add to."""


@dataclass(frozen=True, slots=True)
class Change:
    """One item in two states; None where it is not in one of them."""

    item: str
    before: Item | None
    after: Item | None


def add(item: Item, why: str = "") -> Edit:
    """The edit that adds ``item``; fields that have their default are left out."""
    return Edit(Op.ADD, item.id, _telling_fields(item), why)


def fold(edits: Iterable[Edit], start: Mapping[str, Item] | None = None) -> dict[str, Item]:
    """The state after ``edits``, in their order, from ``start`` (empty unless given). Raises: as ``touched``."""
    items = dict(start or {})
    for edit in edits:
        apply(items, touched(items, (edit,)))
    return items


def touched(items: Mapping[str, Item], edits: Sequence[Edit]) -> dict[str, Item | None]:
    """What becomes of every item that ``edits`` touch, None for a removed one.

    Raises: BadSetting where an edit does not fit the state: it adds an id that is there, changes one that is not, names
    an unknown field, gives a value of the wrong type, or was learned from the test split.
    """
    changed: dict[str, Item | None] = {}
    for edit in edits:
        before = changed[edit.item] if edit.item in changed else items.get(edit.item)
        changed[edit.item] = _OPS[edit.op](edit, before)
    return changed


def apply(items: dict[str, Item], changed: Mapping[str, Item | None]) -> None:
    """Bring ``items``, in place, to what ``touched`` said."""
    for name, item in changed.items():
        if item is None:
            items.pop(name, None)
        else:
            items[name] = item


def difference(before: Mapping[str, Item], after: Mapping[str, Item]) -> list[Change]:
    """Every item that is not the same in both states, by id."""
    changes = (Change(name, before.get(name), after.get(name)) for name in sorted(before.keys() | after.keys()))
    return [change for change in changes if not _same(change.before, change.after)]


def bridge(before: Mapping[str, Item], after: Mapping[str, Item], why: str = "") -> list[Edit]:
    """Edits that lead from one state to the other, exactly."""
    return [_step(change, why) for change in difference(before, after)]


def _step(change: Change, why: str) -> Edit:
    if change.after is None:
        return Edit(Op.REMOVE, change.item, {}, why)
    if change.before is None:
        return add(change.after, why)
    old, new = encode(change.before), encode(change.after)
    fields = {name: value for name, value in new.items() if not _identical(old[name], value)}
    return Edit(Op.SET, change.item, fields, why)


def _same(one: Item | None, other: Item | None) -> bool:
    # Equality takes 1, 1.0 and True for the same; where such values can hide, compare what would be written.
    if one is other or one != other or one is None or other is None:
        return one is other
    return not (one.data or one.effect) or _identical(encode(one), encode(other))


def _identical(one: Any, other: Any) -> bool:
    return json.dumps(one) == json.dumps(other)


def _telling_fields(item: Item) -> dict[str, Any]:
    data = encode(item)
    return {
        field.name: data[field.name]
        for field in fields(Item)
        if field.name != "id" and getattr(item, field.name) != _default(field)
    }


def _default(field: Any) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _add(edit: Edit, before: Item | None) -> Item:
    if before is not None:
        raise BadSetting(f"cannot add item {edit.item!r}: it is there already; set its fields, or take a new id")
    if not edit.item:
        raise BadSetting("cannot add an item whose id is empty; ask the journal for new ids")
    values = _checked(edit)
    if not values.get("kind") or "text" not in values:
        raise BadSetting(f"cannot add item {edit.item!r}: it needs a kind and a text")
    return Item(id=edit.item, **values)


def _set(edit: Edit, before: Item | None) -> Item:
    return replace(_known(edit, before), **_checked(edit))


def _count(edit: Edit, before: Item | None) -> Item:
    item, wrong = _known(edit, before), edit.fields.keys() - COUNTERS
    if wrong:
        raise BadSetting(f"cannot count {', '.join(sorted(wrong))} of item {edit.item!r}: that is no counter")
    values = _checked(edit)
    return replace(item, **{name: getattr(item, name) + more for name, more in values.items()})


def _remove(edit: Edit, before: Item | None) -> None:
    _known(edit, before)
    if edit.fields:
        raise BadSetting(f"cannot remove item {edit.item!r} with fields ({', '.join(edit.fields)}); a removal has none")


_OPS: Mapping[Op, Callable[[Edit, Item | None], Item | None]] = {
    Op.ADD: _add,
    Op.SET: _set,
    Op.COUNT: _count,
    Op.REMOVE: _remove,
}


def _known(edit: Edit, item: Item | None) -> Item:
    if item is None:
        raise BadSetting(f"cannot {edit.op} item {edit.item!r}: there is no such item; it may have been removed")
    return item


def _checked(edit: Edit) -> dict[str, Any]:
    readers = field_readers(Item)
    unknown = sorted(name for name in edit.fields if name == "id" or name not in readers)
    if unknown:
        raise BadSetting(f"cannot {edit.op} {', '.join(unknown)} of item {edit.item!r}: no such field")
    try:
        values = {name: readers[name](value) for name, value in edit.fields.items()}
    except ValueError as error:
        raise BadSetting(f"cannot {edit.op} the fields of item {edit.item!r}: {error}") from None
    _refuse(edit, values)
    return values


def _refuse(edit: Edit, values: Mapping[str, Any]) -> None:
    if values.get("split", "") not in ("", "train", "validation"):
        raise BadSetting(f"item {edit.item!r} is from split {values['split']!r}; only train and validation may teach")
    below = [name for name in COUNTERS & values.keys() if values[name] < 0]
    if below:
        raise BadSetting(f"cannot {edit.op} {below[0]} {values[below[0]]} of item {edit.item!r}: it must be at least 0")
