"""Deltas of a playbook: the Curator's operations, applied by code alone (arXiv 2510.04618, section 3.2).

A model proposes; what happens is decided here, the same way every time. An operation that makes no sense changes
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from knowhow.memory.types import Edit, Item, Op, Status, Trust

_UNMEASURED: Mapping[str, object] = {"effect": None, "status": Status.CANDIDATE}
"""What was measured was another text."""
_UNPROVEN: Mapping[str, object] = {**_UNMEASURED, "uses": 0, "helpful": 0, "harmful": 0}
"""The record of an item that says something else now: it has to prove itself anew."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One change that the Curator wants. ``sources`` are indices of the reflections behind it.

    ADD wants ``section`` and ``content``; UPDATE one id and ``content``; MERGE two ids or more and ``content``; REMOVE
    one id.
    """

    type: str
    ids: tuple[str, ...] = ()
    section: str = ""
    content: str = ""
    reason: str = ""
    sources: tuple[int, ...] = ()


@dataclass
class Draft:
    """A state of items with edits on top of it that are not written yet."""

    items: dict[str, Item]
    edits: list[Edit] = field(default_factory=list)

    def add(self, item: Item, why: str) -> None:
        self.items[item.id] = item
        fields = {name: getattr(item, name) for name in item.__dataclass_fields__ if name != "id"}
        self.edits.append(Edit(Op.ADD, item.id, fields, why))

    def set(self, id: str, why: str, **fields: object) -> None:
        self.items[id] = replace(self.items[id], **fields)  # type: ignore[arg-type]
        self.edits.append(Edit(Op.SET, id, fields, why))

    def remove(self, id: str, why: str) -> None:
        del self.items[id]
        self.edits.append(Edit(Op.REMOVE, id, {}, why))

    def count(self, id: str, **numbers: int) -> None:
        item = self.items[id]
        self.items[id] = replace(item, **{name: getattr(item, name) + number for name, number in numbers.items()})
        self.edits.append(Edit(Op.COUNT, id, numbers))


def read_operations(said: Mapping[str, object] | None) -> list[Operation]:
    """The operations in a Curator's reply; what is no operation is passed over."""
    listed = (said or {}).get("operations")
    return (
        [operation for raw in listed if isinstance(raw, dict) for operation in _read(raw)]
        if isinstance(listed, list)
        else []
    )


def _read(raw: Mapping[str, object]) -> Iterable[Operation]:
    ids, sources = raw.get("ids"), raw.get("from")
    single = raw.get("id") or raw.get("bullet_id")
    named = [str(id) for id in ids] if isinstance(ids, list) else [str(single)] if single else []
    yield Operation(
        type=str(raw.get("type") or "").upper(),
        ids=tuple(dict.fromkeys(id.strip("[] ") for id in named)),
        section=str(raw.get("section") or "").strip().lower(),
        content=" ".join(str(raw.get("content") or "").split()),
        reason=str(raw.get("reason") or ""),
        sources=tuple(int(n) for n in sources if isinstance(n, int) and not isinstance(n, bool))
        if isinstance(sources, list)
        else (),
    )


def apply_operation(draft: Draft, operation: Operation, make: Callable[[Operation], Item]) -> bool:
    """Put one operation into the draft; False where it makes no sense there. ``make`` builds the new item of an ADD."""
    apply = _APPLY.get(operation.type)
    return apply is not None and all(id in draft.items for id in operation.ids) and apply(draft, operation, make)


def _add(draft: Draft, operation: Operation, make: Callable[[Operation], Item]) -> bool:
    if not operation.content or any(item.text == operation.content for item in draft.items.values()):
        return False
    draft.add(make(operation), operation.reason)
    return True


def _update(draft: Draft, operation: Operation, make: Callable[[Operation], Item]) -> bool:
    if len(operation.ids) != 1 or not operation.content or draft.items[operation.ids[0]].text == operation.content:
        return False
    (id,) = operation.ids
    both = [draft.items[id], make(operation)]
    draft.set(
        id,
        operation.reason,
        text=operation.content,
        **origin(both),
        **_UNPROVEN,
    )
    return True


def _merge(draft: Draft, operation: Operation, make: Callable[[Operation], Item]) -> bool:
    if len(operation.ids) < 2 or not operation.content:
        return False
    merge(draft, operation.ids, operation.content, operation.reason, also=[make(operation)])
    return True


def _remove(draft: Draft, operation: Operation, make: Callable[[Operation], Item]) -> bool:
    if len(operation.ids) != 1:
        return False
    draft.remove(operation.ids[0], operation.reason)
    return True


_APPLY: dict[str, Callable[[Draft, Operation, Callable[[Operation], Item]], bool]] = {
    "ADD": _add,
    "UPDATE": _update,
    "MERGE": _merge,
    "REMOVE": _remove,
}


def merge(draft: Draft, ids: Sequence[str], text: str, why: str, also: Sequence[Item] = ()) -> None:
    """The first item takes the text, everybody's counters and sources, and the lowest trust; the others go. A new text
    is unmeasured.

    ``also``: what else stands behind the text.
    """
    kept, *others = ids
    items = [draft.items[id] for id in ids]
    draft.set(
        kept,
        why,
        text=text,
        **origin([*items, *also]),
        uses=sum(i.uses for i in items),
        helpful=sum(i.helpful for i in items),
        harmful=sum(i.harmful for i in items),
        **({} if text == items[0].text else _UNMEASURED),
    )
    for id in others:
        draft.remove(id, f"merged into {kept}")


def origin(items: Sequence[Item]) -> dict[str, object]:
    """All the episodes and tasks behind the items, and the least trusted of their tiers."""
    return {
        "sources": tuple(dict.fromkeys(source for item in items for source in item.sources)),
        "tasks": tuple(dict.fromkeys(task for item in items for task in item.tasks)),
        "trust": min((item.trust for item in items), key=list(Trust).index),
    }
