"""What may not act by itself: edits learned from outside text wait for a person, who accepts or rejects them.

A new item waits as PENDING; what would change or remove an item that is there waits as an item of its own, a proposal.
Both stay within the journal: they have a version, a source and an undo like everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from knowhow.environments.discover import unknown
from knowhow.environments.errors import BadSetting, Conflict
from knowhow.environments.types import Task, Trajectory
from knowhow.memory.codec import decode, encode
from knowhow.memory.examples.examples import state_of
from knowhow.memory.fold import Change, add, touched
from knowhow.memory.lineage import Ids, lineage
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Op, Status, Trust

PROPOSAL = "proposal"
"""The kind of items that stand for an edit; ``data`` holds its op, item, fields, why, and the text it ``was`` made
against."""
PREFIX = "pro"
NOTE = "a person's review"


def quarantine(
    edits: Sequence[Edit], items: Mapping[str, Item], ids: Ids, taught: Sequence[Trajectory] = ()
) -> list[Edit]:
    """What ``edits`` become where they may not act by themselves.

    An ADD waits as PENDING, and what follows in the batch for that item goes with it; of a COUNT only the uses stay; a
    measured effect passes, and so do figures that a bank notes with an item, what banks note for themselves (RECORD,
    which is never shown) and the REMOVE of what only waits. Any other SET, and a REMOVE, becomes a proposal. What waits
    already is not asked for twice.
    ``items`` is the state that the edits were made against, ``taught`` the episodes behind them.
    """
    waiting = _Waiting(items, ids, taught)
    for edit in edits:
        waiting.take(edit)
    return waiting.edits


class _Waiting:
    def __init__(self, items: Mapping[str, Item], ids: Ids, taught: Sequence[Trajectory]) -> None:
        self.edits: list[Edit] = []
        self._items, self._ids = items, ids
        self._origin: Mapping[str, Any] = lineage(taught) if taught else {}
        self._added, self._dropped = set[str](), set[str]()
        self._free = {id for id, item in items.items() if item.status is Status.RECORD}
        self._plain = {text for one in taught for text in _told_by_suite(one.task)} | {one.id for one in taught}
        pending = [item for item in items.values() if item.status is Status.PENDING]
        self._texts = {(item.kind, item.text) for item in pending}

    def take(self, edit: Edit) -> None:
        if edit.fields.get("status") == Status.RECORD and edit.op is Op.ADD:
            self._free.add(edit.item)
        if edit.item in self._free and edit.fields.get("status", Status.RECORD) == Status.RECORD:
            self.edits.append(edit)
        elif edit.item not in self._dropped:
            _TAKE[edit.op](self, edit)

    def _add(self, edit: Edit) -> None:
        name = str(edit.fields.get("kind")), str(edit.fields.get("text"))
        if name in self._texts:
            self._dropped.add(edit.item)
            return
        self._texts.add(name)
        self._added.add(edit.item)
        self.edits.append(replace(edit, fields={**edit.fields, "status": Status.PENDING}))

    def _set(self, edit: Edit) -> None:
        if edit.item in self._added:
            fields = {name: value for name, value in edit.fields.items() if name != "status"}
            self.edits.append(replace(edit, fields=fields))
        elif edit.fields.keys() <= {"effect"} or self._counts_only(edit):
            self.edits.append(edit)
        else:
            self._propose(edit)

    def _counts_only(self, edit: Edit) -> bool:
        """Whether it notes figures alone: no word is new to the item but what the suite itself says of its tasks."""
        now = self._items.get(edit.item)
        if now is None or edit.fields.keys() != {"data"}:
            return False
        return _words(edit.fields["data"]) <= _words(now.data) | self._plain

    def _count(self, edit: Edit) -> None:
        uses = {name: value for name, value in edit.fields.items() if name == "uses"}
        if uses:
            self.edits.append(replace(edit, fields=uses))

    def _remove(self, edit: Edit) -> None:
        now = self._items.get(edit.item)
        if edit.item in self._added or (now is not None and now.status is Status.PENDING):
            self._added.discard(edit.item)
            self.edits.append(edit)
        else:
            self._propose(edit)

    def _propose(self, edit: Edit) -> None:
        now = self._items.get(edit.item)
        text = told(edit, now)
        if (PROPOSAL, text) in self._texts:
            return
        self._texts.add((PROPOSAL, text))
        data = {**encode(edit), "was": now.text if now else ""}
        lowest = {"trust": edit.fields["trust"]} if "trust" in edit.fields else {}
        origin = {**self._origin, **lowest, "status": Status.PENDING}
        self.edits.append(add(Item(self._ids.next(PREFIX), PROPOSAL, text, data, **origin), edit.why))


def _told_by_suite(task: Task) -> tuple[str, ...]:
    return task.id, task.kind, task.goal, state_of(task)


def _words(value: Any) -> set[str]:
    """Every text anywhere in plain data, keys among them."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, Mapping):
        return {text for pair in value.items() for part in pair for text in _words(part)}
    return {text for part in value for text in _words(part)} if isinstance(value, list | tuple) else set()


_TAKE: Mapping[Op, Callable[[_Waiting, Edit], None]] = {
    Op.ADD: _Waiting._add,
    Op.SET: _Waiting._set,
    Op.COUNT: _Waiting._count,
    Op.REMOVE: _Waiting._remove,
}


def told(edit: Edit, item: Item | None) -> str:
    """What an edit would do, in one readable line."""
    if edit.op is Op.REMOVE:
        return f"remove {edit.item} ({item.text if item else 'it is gone'})"
    others = [f"{name} {value}" for name, value in encode(edit.fields).items() if name in ("status", "trust")]
    text = edit.fields.get("text")
    says = [f"say: {text}"] if text is not None and (item is None or text != item.text) else []
    rest = others or [f"change {', '.join(sorted(edit.fields))}"]
    return f"let {edit.item} {'; '.join(says or rest)}"


def pending(memory: Memory) -> list[Item]:
    """All that waits for a person, by id."""
    return memory.items(statuses=(Status.PENDING,))


def accept(memory: Memory, id: str, text: str | None = None) -> int:
    """A person speaks for what waits under ``id``, with another ``text`` where one is given; the new version.

    An item becomes a candidate of the tier PERSON: it may be shown, and still has to prove itself. A proposal is
    carried out and goes.

    Raises: UnknownName or BadSetting where nothing waits there; Conflict where a proposal's item is gone, or says
    something else than it did.
    """
    version, items = memory.journal.state()
    item = waiting(items, id)
    if text is not None and not text.strip():
        raise BadSetting(f"the new text of {id} is empty; reject it instead")
    why = "a person accepted it" if text is None else "a person accepted it in these words"
    edits = _carried_out(items, item, text, why) if item.kind == PROPOSAL else _admitted(item, text, why)
    return memory.commit(edits, expected=version, note=NOTE)


def reject(memory: Memory, id: str, why: str = "") -> int:
    """A person speaks against what waits under ``id``; the new version.

    An item is retired, so that a bank knows that it had its trial; a proposal goes. Raises: UnknownName, BadSetting.
    """
    version, items = memory.journal.state()
    item = waiting(items, id)
    reason = f"a person rejected it: {why}" if why else "a person rejected it"
    gone = Edit(Op.REMOVE, id, {}, reason)
    retired = Edit(Op.SET, id, {"status": Status.RETIRED}, reason)
    return memory.commit([gone if item.kind == PROPOSAL else retired], expected=version, note=NOTE)


def proposed(item: Item) -> Edit:
    """The edit that a proposal stands for. Raises: BadSetting where it holds none."""
    try:
        return decode(Edit, item.data)
    except ValueError as error:
        raise BadSetting(f"the proposal {item.id} cannot be read ({error}); reject it") from None


def outcome(items: Mapping[str, Item], item: Item) -> Change | None:
    """What a proposal would change in ``items``; None where its item is gone. Raises: BadSetting."""
    edit, before = proposed(item), items.get(item.data.get("item", ""))
    return Change(before.id, before, touched({before.id: before}, (edit,))[before.id]) if before else None


def waiting(items: Mapping[str, Item], id: str) -> Item:
    """The item that waits under ``id``. Raises: UnknownName or BadSetting where none does."""
    item = items.get(id)
    if item is not None and item.status is Status.PENDING:
        return item
    if item is not None:
        raise BadSetting(f"{id} is {item.status}; only what is pending can be accepted or rejected")
    known = sorted(name for name, one in items.items() if one.status is Status.PENDING)
    raise unknown("pending item", id, known) if known else BadSetting(f"nothing is pending, {id!r} neither")


def _admitted(item: Item, text: str | None, why: str) -> list[Edit]:
    said = {} if text is None else {"text": text, "effect": None}
    return [Edit(Op.SET, item.id, {"status": Status.CANDIDATE, "trust": Trust.PERSON, **said}, why)]


def _carried_out(items: Mapping[str, Item], item: Item, text: str | None, why: str) -> list[Edit]:
    edit = proposed(item)
    now = items.get(edit.item)
    if now is None:
        raise Conflict(f"{item.id} is about {edit.item}, which is gone; reject it")
    if text is None and now.text != item.data.get("was", now.text):
        raise Conflict(f"{item.id} is about {edit.item}, which says something else by now; reject it, or give its text")
    done = Edit(Op.REMOVE, item.id, {}, f"{why}: {edit.item}")
    if edit.op is Op.REMOVE:
        if text is not None:
            raise BadSetting(f"{item.id} would remove {edit.item}; a removal has no text, accept or reject it")
        return [replace(edit, why=f"{why}: {edit.why}"), done]
    fields = dict(edit.fields) if text is None else {**edit.fields, "text": text, "effect": None}
    if fields.keys() & {"text", "trust"}:
        fields["trust"] = Trust.PERSON
    return [replace(edit, fields=fields, why=f"{why}: {edit.why}"), done]
