"""The adapters of a run, in its journal: what each was made of, how its trial went, and which ones are used.

An adapter is a record of the journal, so that it has a version, a reason and an undo like everything else that was
learned: a rollback of memory is one of its adapters too. Weights are registered once they are whole on the disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from knowhow.environments.errors import UnknownName
from knowhow.memory.codec import decode, encode
from knowhow.memory.journal import Journal
from knowhow.memory.types import Edit, Item, Op, Status
from knowhow.training.types import Adapter, AdapterStatus

KIND = "adapter"
PREFIX = "ada"


class Registry:
    """The adapters that a journal tells of."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def adapters(self, *statuses: AdapterStatus) -> list[Adapter]:
        """All adapters by id, or those of some statuses."""
        found = [_read(item) for item in self.journal.items().values() if item.kind == KIND]
        return [adapter for adapter in found if not statuses or adapter.status in statuses]

    def get(self, id: str) -> Adapter:
        """Raises: UnknownName."""
        item = self.journal.items().get(id)
        if item is None or item.kind != KIND:
            known = ", ".join(adapter.id for adapter in self.adapters()) or "there is none"
            raise UnknownName(f"there is no adapter {id!r}; known: {known}")
        return _read(item)

    def new_id(self, key: str) -> str:
        """An id that no adapter has or had; the same for the same ``key``, so that work done twice is named once."""
        return self.journal.new_ids(PREFIX, 1, key=key)[0]

    def add(self, adapter: Adapter, why: str) -> None:
        """Register an adapter, once. Raises: BadSetting where another has its id."""
        item = Item(adapter.id, KIND, adapter.recipe, encode(adapter), status=Status.RECORD)
        fields = {name: value for name, value in encode(item).items() if name != "id"}
        self.journal.commit([Edit(Op.ADD, adapter.id, fields, why)], note=why)

    def settle(self, id: str, status: AdapterStatus, why: str, metrics: Mapping[str, Any] | None = None) -> Adapter:
        """Give an adapter a status, and add to its metrics; one that becomes active retires those that it replaces:
        the active ones of the same base all of whose kinds of task it serves. Raises: UnknownName."""
        adapter = self.get(id)
        settled = replace(adapter, status=status, metrics={**adapter.metrics, **(metrics or {})})
        edits = [_set(settled, why)]
        if status is AdapterStatus.ACTIVE:
            edits += [
                _set(replace(other, status=AdapterStatus.RETIRED), f"{id} took its place")
                for other in self.adapters(AdapterStatus.ACTIVE)
                if other.id != id and other.base_hash == adapter.base_hash and _covers(adapter.kinds, other.kinds)
            ]
        self.journal.commit(edits, note=why)
        return settled


def serving(adapters: Sequence[Adapter], base_hash: str, kind: str) -> Adapter | None:
    """Of these adapters, the active one for a kind of task: one made for that kind before one made for all, and the
    newest of several."""
    active = [one for one in adapters if one.status is AdapterStatus.ACTIVE and one.base_hash == base_hash]
    fitting = [one for one in active if not one.kinds or kind in one.kinds]
    return max(fitting, key=lambda one: (bool(one.kinds), one.id), default=None)


def _set(adapter: Adapter, why: str) -> Edit:
    return Edit(Op.SET, adapter.id, {"data": encode(adapter)}, why)


def _read(item: Item) -> Adapter:
    return decode(Adapter, item.data)


def _covers(kinds: Sequence[str], others: Sequence[str]) -> bool:
    """No kinds are all kinds."""
    return not kinds or (bool(others) and set(others) <= set(kinds))
