"""Items from elsewhere into a memory: one atomic batch, and nothing where something does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from knowhow.environments.errors import BadSetting
from knowhow.memory.documents import PLAYBOOK, known_id
from knowhow.memory.fold import add
from knowhow.memory.skills.skill import refuse_broken
from knowhow.memory.store import Memory
from knowhow.memory.types import Item, Status, Trust

_OTHERS = "imp"
"""The prefix of ids for what has none."""


def bring(memory: Memory, items: Sequence[Item], *, exact: bool, note: str = "") -> list[str]:
    """Add what was read as one batch; the ids of the items that are new.

    What is there already, or says the same as an item of its kind and section, is passed over. ``exact``: ids belong to
    the items, and one that another item has is an error; else such an item gets a new one.

    Raises: BadSetting, and nothing is added.
    """
    for item in items:
        refuse_broken(item)
    version, present = memory.journal.state()
    new = _clashless(items, present) if exact else _named(memory, items, present)
    if new:
        memory.commit([add(item, note) for item in new], expected=version, note=note)
    return [item.id for item in new]


def doubted(items: Iterable[Item]) -> list[Item]:
    """Items of an unknown hand: of the tier IMPORTED at most, with their counters and no measured effect.

    A playbook's bullet is a candidate; anything else might be run, and what came from outside is anybody's: they wait
    for a person. What a bank noted for itself (RECORD) would act unseen, and is left out.
    """
    return [_doubted(item) for item in items if item.status is not Status.RECORD]


def _doubted(item: Item) -> Item:
    lesson = item.kind == PLAYBOOK and item.trust is not Trust.OUTSIDE
    stands = Status.CANDIDATE if lesson else Status.PENDING
    status = item.status if item.status in (Status.RETIRED, Status.PENDING) else stands
    trust = min(item.trust, Trust.IMPORTED, key=list(Trust).index)
    return replace(item, status=status, trust=trust, effect=None)


def _clashless(items: Sequence[Item], present: Mapping[str, Item]) -> list[Item]:
    ids = [item.id for item in items]
    twice = sorted({id for id in ids if ids.count(id) > 1}) if len(set(ids)) < len(ids) else []
    if twice:
        raise BadSetting(f"two items have the id {twice[0]}; nothing was imported")
    clashing = [item.id for item in items if present.get(item.id, item) != item]
    if clashing:
        way = "import into an empty memory, or with new ids, without --exact"
        raise BadSetting(f"{clashing[0]} is another item here ({len(clashing)} such ids); {way}")
    return [item for item in items if item.id not in present]


def _named(memory: Memory, items: Sequence[Item], present: Mapping[str, Item]) -> list[Item]:
    said = {_says(item) for item in present.values()}
    taken = set(present)
    new = []
    for item in items:
        if _says(item) not in said:
            id = known_id(item.id)
            made = item if id and id not in taken else replace(item, id=_new_id(memory, item, taken))
            said.add(_says(made))
            taken.add(made.id)
            new.append(made)
    return new


def _new_id(memory: Memory, item: Item, taken: set[str]) -> str:
    from knowhow.memory.banks.playbook import SECTIONS

    prefix = known_id(item.id).partition("-")[0] or SECTIONS.get(str(item.data.get("section")), _OTHERS)
    while (id := memory.journal.new_ids(prefix)[0]) in taken:
        continue  # a number that the file itself gave to another item
    return id


def _says(item: Item) -> tuple[str, str, str]:
    return item.kind, str(item.data.get("section", "")), item.text
