"""The rules of a manual, and what its Builder may do to them (AutoManual, arXiv 2405.16247, section 3.2).

A rule is an item: its text, and as ``data`` its ``type``, an ``example`` and the ``validation`` record, a line for each
episode that spoke of it. The model proposes changes; they are applied here, the same way every time, and what makes no
sense changes nothing.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from knowhow.memory.delta import Draft, Operation, apply_operation, merge, origin
from knowhow.memory.types import Item

TYPES = ("success process", "helper method", "corrected error", "unresolved error", "special phenomenon")
RECORDS = 8
"""Lines of its validation record that a rule keeps, the latest."""
LONGEST = 400
"""Characters of an example."""
_OPERATIONS: Mapping[str, str] = {
    "write_rule": "ADD",
    "update_rule": "UPDATE",
    "merge_rules": "MERGE",
    "delete_rule": "REMOVE",
}
_END = "stop_generating"


@dataclass(frozen=True, slots=True)
class Change:
    """One change that the Builder wants: the operation, the rule's type (empty: as it is, or unsaid), its example and a
    line for its validation record."""

    operation: Operation
    type: str = ""
    example: str = ""
    validation: str = ""


def read_changes(said: Mapping[str, object] | None) -> list[Change]:
    """The changes in a reply up to ``stop_generating``; what is no change is passed over."""
    listed = (said or {}).get("operations")
    found = []
    for raw in listed if isinstance(listed, list) else []:
        if not isinstance(raw, dict):
            continue
        if raw.get("type") == _END:
            break
        if str(raw.get("type")) in _OPERATIONS:
            found.append(_read(raw))
    return found


def _read(raw: Mapping[str, object]) -> Change:
    several, one = raw.get("ids"), raw.get("id")
    ids = several if isinstance(several, list) else [one]
    type = _line(raw.get("rule_type")).lower()
    operation = Operation(
        _OPERATIONS[str(raw["type"])],
        ids=tuple(dict.fromkeys(str(id).strip("[] ") for id in ids if id)),
        content=_line(raw.get("rule")),
        reason=_line(raw.get("reason")),
    )
    return Change(operation, type if type in TYPES else "", _example(raw.get("example")), _line(raw.get("validation")))


def apply_change(draft: Draft, change: Change, make: Callable[[Operation], Item], record: str = "") -> bool:
    """Put one change into the draft; False where it makes no sense there. ``make`` builds a new rule, of which only the
    origin counts for an update; ``record`` says in the validation record what was behind the change."""
    operation = change.operation
    before = [draft.items[id] for id in operation.ids if id in draft.items]
    line = ": ".join(part for part in (record, change.validation) if part)
    if operation.type == "UPDATE" and len(before) == 1 == len(operation.ids):
        return _update(draft, change, make, line)
    if operation.type == "ADD":
        return apply_operation(draft, operation, lambda asked: _new(make(asked), change, line))
    if operation.type == "MERGE" and len(before) == len(operation.ids) > 1 and operation.content:
        merge(draft, operation.ids, operation.content, operation.reason)
        pooled = [said for rule in before for said in parts(rule)["validation"]]
        kept = replace(draft.items[operation.ids[0]], data={**parts(before[0]), "validation": pooled})
        draft.set(kept.id, "a rule that stands for several", data=_told(kept, change, line))
        return True
    return operation.type == "REMOVE" and apply_operation(draft, operation, make)


def confirm(draft: Draft, id: str, lines: Sequence[str]) -> None:
    """Lines for a rule's validation record."""
    if lines:
        data = parts(draft.items[id])
        validation = [*data["validation"], *lines][-RECORDS:]
        draft.set(id, "episodes spoke of it", data={**data, "validation": validation})


def parts(rule: Item) -> dict[str, Any]:
    """Its type, example and validation record; a rule that came from elsewhere may lack some."""
    data = rule.data
    type = data.get("type") if data.get("type") in TYPES else TYPES[-1]
    return {"type": type, "example": str(data.get("example") or ""), "validation": list(data.get("validation") or [])}


def by_type(rules: Collection[Item]) -> str:
    """The rules under their types with their validation records, as the Builder reads them."""
    blocks = []
    for type in TYPES:
        own = [rule for rule in rules if parts(rule)["type"] == type]
        if own:
            blocks.append("\n".join([f"## {type.capitalize()}", *(f"{entry(rule)}{_records(rule)}" for rule in own)]))
    return "\n\n".join(blocks) or "There are none yet."


def entry(rule: Item) -> str:
    """``- [rul-00001] helpful=3 harmful=0 :: text``, and its example below."""
    shown = parts(rule)["example"]
    example = f"\n  Example:\n{textwrap.indent(shown, '    ')}" if shown else ""
    return f"- [{rule.id}] helpful={rule.helpful} harmful={rule.harmful} :: {rule.text}{example}"


def _records(rule: Item) -> str:
    return "".join(f"\n  Validation: {line}" for line in parts(rule)["validation"])


def _update(draft: Draft, change: Change, make: Callable[[Operation], Item], line: str) -> bool:
    """The text, where that changes, as ``delta`` does it; then what goes with it."""
    (id,) = change.operation.ids
    changed = apply_operation(draft, change.operation, make)
    rule = draft.items[id]
    data = _told(rule, change, line)
    if data != parts(rule):
        of_both = {} if changed else origin([rule, make(change.operation)])
        draft.set(id, change.operation.reason or "the Builder filled it in", data=data, **of_both)
        changed = True
    return changed


def _new(rule: Item, change: Change, line: str) -> Item:
    return replace(rule, data=_told(rule, change, line))


def _told(rule: Item, change: Change, line: str) -> dict[str, Any]:
    old = parts(rule)
    return {
        "type": change.type or old["type"],
        "example": change.example or old["example"],
        "validation": [*old["validation"], *([line] if line else [])][-RECORDS:],
    }


def _line(value: object) -> str:
    return " ".join(str(value or "").split())


def _example(value: object) -> str:
    """At most so many characters, no line of which can pass for another part of a prompt (each is shown indented)."""
    lines = str(value or "").strip().splitlines()
    while lines and len("\n".join(lines)) > LONGEST:
        lines.pop()
    return "\n".join(line.rstrip() for line in lines)
