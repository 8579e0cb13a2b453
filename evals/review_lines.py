"""What a person decides on, whole: the text of an item, and the data by which it acts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import unified_diff
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knowhow.memory.fold import Change
    from knowhow.memory.types import Item

MOST = 200
"""Lines of one value of the data; --json has all."""
_SHORT = 80
_BESIDE = ("status", "suite", "task_kind", "split")
"""What is told beside a new text; all fields are where the text stays."""


def waiting_lines(items: Mapping[str, Item], item: Item) -> list[str]:
    """What would come of accepting what waits as ``item``, with ``items`` as they are."""
    from knowhow.environments.errors import BadSetting
    from knowhow.memory.fold import Change
    from knowhow.memory.review import PROPOSAL, outcome

    if item.kind != PROPOSAL:
        return diff_lines(Change(item.id, None, item))
    try:
        change = outcome(items, item)
    except BadSetting as error:
        return [str(error)]
    return diff_lines(change) if change else ["it is about an item that is gone"]


def diff_lines(change: Change) -> list[str]:
    """``-`` what was, ``+`` what is; then the data that is new, or old and new where it changes."""
    before, after = change.before, change.after
    gone = [f"- {change.item}  {before.text}"] if before else []
    if after is None:
        return gone
    if before is None:
        return [f"+ {change.item}  {after.text}", *_data({}, after.data)]
    changed = _data(before.data, after.data)
    if before.text == after.text:
        names = [name for name in type(after).__dataclass_fields__ if name != "data"]
        return [f"~ {change.item}  {_fields(before, after, names)}".rstrip(), *changed]
    beside = _fields(before, after, _BESIDE)
    return [*gone, f"+ {change.item}  {after.text}", *([f"    {beside}"] if beside else []), *changed]


def printable(text: str) -> str:
    """The text without what a terminal would obey or not show: such characters become their escapes."""
    return "".join(one if one.isprintable() or one in "\n\t" else repr(one)[1:-1] for one in text)


def _fields(before: Item, after: Item, names: Iterable[str]) -> str:
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in names}
    return ", ".join(f"{name}: {_word(old)} -> {_word(new)}" for name, (old, new) in pairs.items() if old != new)


def _data(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    names = [name for name in sorted(old.keys() | new.keys()) if _plain(old.get(name)) != _plain(new.get(name))]
    return [line for name in names for line in _value(name, _plain(old.get(name)), _plain(new.get(name)))]


def _value(name: str, old: str, new: str) -> list[str]:
    """One line, or a block for what is long: the new lines, as a diff where there were others."""
    if all(len(text) <= _SHORT and "\n" not in text for text in (old, new)):
        return [f"    {name}: {old or 'nothing'} -> {new or 'nothing'}" if old else f"    {name}: {new}"]
    lines = list(unified_diff(old.split("\n"), new.split("\n"), lineterm=""))[3:] if old else new.split("\n")
    more = [f"({len(lines) - MOST} more lines; --json has them all)"] if len(lines) > MOST else []
    return [f"    {name}:", *(f"      {line}" for line in (*lines[:MOST], *more))]


def _plain(value: object) -> str:
    """As a reader has it; nothing for what is empty, though 0 and False are told."""
    if value is None or value in ("", [], {}, ()):
        return ""
    if isinstance(value, str):
        return value
    told = json.dumps(value, ensure_ascii=False)
    return told if len(told) <= _SHORT else json.dumps(value, ensure_ascii=False, indent=2)


def _word(value: object) -> str:
    return f"{len(value)} entries" if isinstance(value, tuple | dict) else str(value)
