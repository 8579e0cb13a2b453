"""From evidence to status: candidate -> active -> retired, each decision an edit that says why.

Four rules, each valid however often one looks (``memory/proof/effects.py``), so that for each item, for all time:

- it is promoted where the 95% interval lies above 0: a lesson that does not help gets there with probability 2.5%;
- it is retired where the 95% interval lies below 0, or below what is worth a place: one that is worth it, 2.5%;
- a candidate is retired for futility, at the lower level of 90%: one that is worth its place is lost so with
  probability 10%, and less the more it is worth. Two supermartingales under that hypothesis are multiplied, of pairs
  and of replays without it (``memory/proof/room.py``); each moves where the other rests, so that their product is one
  too, and seldom gets to 10;
- a candidate is retired where it is used too seldom to be worth its place (``memory/proof/uses.py``), at the level of
  95%: one that is worth it is lost so with probability 5%.

An item that was promoted and whose interval comes to hold 0 is a candidate again. One that is pending becomes active
only by a promotion. What a person vouched for is retired only where it harms. Beyond a number of items of one kind,
those with the least hope of worth make room.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log1p
from typing import Any

from knowhow.memory.proof.effects import Evidence
from knowhow.memory.proof.room import Room
from knowhow.memory.proof.uses import NAME as USED
from knowhow.memory.store import SHOWN
from knowhow.memory.types import Batch, Edit, Item, Op, Status, Trust

FUTILE = 0.9
"""The level, one-sided and at all times, of the rule that ends a candidate's trial for futility."""
SELDOM = 0.95
"""The same of the rule for what is seldom used."""
_UNKNOWN = Room()
_NO_ROOM: Mapping[str, Room] = {}


@dataclass(frozen=True, slots=True)
class Rules:
    """When a decision falls. ``worth`` is the least effect, in rewards, that is worth an item's place in the prompt;
    ``most`` is how many items of one kind may be shown at all."""

    worth: float = 0.05
    most: int = 1000


def promotions(
    items: Mapping[str, Item],
    found: Mapping[str, Evidence],
    rules: Rules = Rules(),
    room: Mapping[str, Room] = _NO_ROOM,
    used: Mapping[str, Room] = _NO_ROOM,
) -> list[Edit]:
    """One edit for each item with new evidence, in the order of ids: its effect, and its status where that changes;
    then those that make room for others. ``room`` is what episodes without an item left to gain, ``used`` how many of
    those that showed it used it."""
    weighed = [items[id] for id in sorted({*found, *room, *used}) if id in items]
    edits = [
        _edit(item, found.get(item.id, Evidence()), room.get(item.id, _UNKNOWN), used.get(item.id, _UNKNOWN), rules)
        for item in weighed
    ]
    return edits + _crowded_out(items, edits, rules.most)


def decide(
    item: Item, evidence: Evidence, room: Room = _UNKNOWN, rules: Rules = Rules(), used: Room = _UNKNOWN
) -> tuple[Status, str]:
    """The status that follows from the evidence, all of it, and why; ``item`` is as it was before."""
    low, high = evidence.interval()
    vouched = item.trust is Trust.PERSON
    if item.status is Status.RETIRED:
        return item.status, "it was retired before"
    if high < 0:
        return Status.RETIRED, "it harms"
    if high < rules.worth and not vouched:
        return Status.RETIRED, f"it is not worth {rules.worth:+.2f}"
    if low > 0:
        return Status.ACTIVE, "it helps"
    if item.status is Status.ACTIVE:
        shown_before = (item.effect or {}).get("low", -1.0) > 0
        drifted = shown_before and not vouched
        return (Status.CANDIDATE, "it no longer shows that it helps") if drifted else (item.status, "it is still open")
    doubt = evidence.log_wealth(rules.worth) + room.log_wealth(rules.worth)
    if doubt >= -log1p(-FUTILE) and not vouched:
        why = "without it there is hardly room for" if room.count else "it is hardly worth"
        return Status.RETIRED, f"{why} {rules.worth:+.2f}"
    if used.log_wealth(rules.worth) >= -log1p(-SELDOM) and not vouched:
        return Status.RETIRED, f"it is used too seldom to be worth {rules.worth:+.2f}"
    return item.status, "it is still open"


def told(evidence: Evidence, room: Room = _UNKNOWN, used: Room = _UNKNOWN) -> str:
    """``+0.31 of reward (95%: +0.05 to +0.57, evidence of 42.0 pairs)``, what episodes without it left to gain, and
    how often it was used."""
    low, high = evidence.interval()
    left = f"; {room.left:.1f} to gain in {room.count} episodes without it" * bool(room.count)
    earned = f"; used in {used.left:.0f} of {used.count} episodes" * bool(used.count)
    pairs = f"evidence of {evidence.weight:.1f} pairs"
    return f"{evidence.mean:+.2f} of reward (95%: {low:+.2f} to {high:+.2f}, {pairs}){left}{earned}"


def evidence_kept(log: Iterable[Batch], items: Mapping[str, Item]) -> list[Edit]:
    """What batches that are undone had found out about ``items``, those of the version returned to: an item is worth
    what it is worth, whatever else its round came to. Nothing is kept of an item from where it said something else."""
    kept: dict[str, Edit] = {}
    changed: set[str] = set()
    for edit in (edit for batch in log for edit in batch.edits if edit.item in items):
        if edit.op is not Op.SET or edit.fields.keys() & {"text", "data"}:
            changed |= set() if edit.op is Op.COUNT else {edit.item}
        elif edit.fields.get("effect") and edit.item not in changed:
            before: Mapping[str, Any] = kept[edit.item].fields if edit.item in kept else {}
            found = {name: edit.fields[name] for name in ("effect", "status", "trust") if name in edit.fields}
            kept[edit.item] = Edit(Op.SET, edit.item, {**before, **found}, edit.why)
    return list(kept.values())


def _edit(item: Item, new: Evidence, new_room: Room, new_used: Room, rules: Rules) -> Edit:
    evidence, room = Evidence.of(item.effect) + new, Room.of(item.effect) + new_room
    used = Room.of(item.effect, USED) + new_used
    status, reason = decide(item, evidence, room, rules, used)
    fields: dict[str, Any] = {"effect": evidence.to_effect() | room.to_effect() | used.to_effect(USED)}
    if status is not item.status:
        fields["status"] = status
    if item.status is Status.PENDING and status is Status.ACTIVE and item.trust is not Trust.PERSON:
        fields["trust"] = Trust.VERIFIED
    return Edit(Op.SET, item.id, fields, f"{reason}: {told(evidence, room, used)}")


def _crowded_out(items: Mapping[str, Item], edits: Iterable[Edit], most: int) -> list[Edit]:
    """Retirements, so that no more than ``most`` of a kind are shown; what has evidence against it goes first."""
    new = {edit.item: edit.fields for edit in edits}
    shown: dict[str, list[tuple[Any, ...]]] = {}
    for item in items.values():
        fields = new.get(item.id, {})
        status, effect = fields.get("status", item.status), fields.get("effect", item.effect)
        if status in SHOWN:
            hope = (effect or {}).get("high", 1.0)
            keep = (status is Status.ACTIVE, item.trust is Trust.PERSON, hope, item.helpful - item.harmful, item.id)
            shown.setdefault(item.kind, []).append(keep)
    return [
        Edit(Op.SET, id, {"status": Status.RETIRED}, f"there are over {most} of its kind, and its hope is the least")
        for own in shown.values()
        if len(own) > most
        for *_, id in sorted(own)[: len(own) - most]
    ]
