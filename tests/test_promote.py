"""Promotion: what the interval says becomes a status, by an edit in the journal that says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from making import trajectory

from knowhow.environments.types import StopReason
from knowhow.memory.fold import add, fold
from knowhow.memory.promote import Rules, decide, evidence_kept, promotions
from knowhow.memory.proof.effects import Evidence
from knowhow.memory.proof.room import Room
from knowhow.memory.proof.uses import of_used
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Op, Status, Trust

HELPS, HARMS, NOTHING, FUTILE, OPEN = (
    Evidence(60, 40, 40),
    Evidence(60, -40, 40),
    Evidence(400, 0, 0),
    Evidence(50, -12, 10),
    Evidence(10, 2, 5),
)


NO_ROOM = Room(150, 2.0)
PROVEN = {"low": 0.1}


@pytest.mark.parametrize(
    ("status", "evidence", "becomes", "reason"),
    [
        (Status.CANDIDATE, HELPS, Status.ACTIVE, "it helps"),
        (Status.CANDIDATE, HARMS, Status.RETIRED, "it harms"),
        (Status.ACTIVE, HARMS, Status.RETIRED, "it harms"),
        (Status.CANDIDATE, NOTHING, Status.RETIRED, "not worth +0.05"),
        (Status.CANDIDATE, OPEN, Status.CANDIDATE, "still open"),
        (Status.ACTIVE, OPEN, Status.ACTIVE, "still open"),
        (Status.CANDIDATE, FUTILE, Status.RETIRED, "hardly worth +0.05"),
        (Status.ACTIVE, FUTILE, Status.ACTIVE, "still open"),
        (Status.PENDING, HELPS, Status.ACTIVE, "it helps"),
        (Status.PENDING, HARMS, Status.RETIRED, "it harms"),
        (Status.PENDING, FUTILE, Status.RETIRED, "hardly worth +0.05"),
        (Status.PENDING, OPEN, Status.PENDING, "still open"),
        (Status.RETIRED, HELPS, Status.RETIRED, "retired before"),
    ],
)
def test_a_status_follows_from_the_evidence(status: Status, evidence: Evidence, becomes: Status, reason: str) -> None:
    found, why = decide(Item("a-1", "playbook", "a", status=status), evidence)
    assert (found, reason in why) == (becomes, True), why


@pytest.mark.parametrize(
    ("status", "trust", "used", "becomes"),
    [
        (Status.CANDIDATE, Trust.VERIFIED, Room(120, 0.0), Status.RETIRED),
        (Status.CANDIDATE, Trust.VERIFIED, Room(20, 0.0), Status.CANDIDATE),
        (Status.CANDIDATE, Trust.VERIFIED, Room(120, 9.0), Status.CANDIDATE),
        (Status.ACTIVE, Trust.VERIFIED, Room(120, 0.0), Status.ACTIVE),
        (Status.CANDIDATE, Trust.PERSON, Room(120, 0.0), Status.CANDIDATE),
    ],
)
def test_what_is_hardly_ever_used_goes(status: Status, trust: Trust, used: Room, becomes: Status) -> None:
    item = Item("a-1", "playbook", "a", status=status, trust=trust)
    first = fold(promotions({"a-1": item}, {}, used={"a-1": Room(used.count // 2, used.left / 2)}), {"a-1": item})
    (edit,) = promotions(first, {}, used={"a-1": Room(used.count - used.count // 2, used.left / 2)})
    assert fold([edit], first)["a-1"].status is becomes
    assert ("used too seldom" in edit.why) == (becomes is Status.RETIRED)


def test_use_is_counted_of_agents_that_cite_what_they_use() -> None:
    won, lost = trajectory("w", shown=("a", "b"), cited=("a",)), trajectory("l", won=False, shown=("a",), cited=("a",))
    assert of_used([won, lost]) == {"a": Room(2, 2.0), "b": Room(1, 0.0)}
    silent = [trajectory(f"s{n}", shown=("a", "b")) for n in range(3)]
    assert of_used([won, *silent]) == {}
    assert of_used([replace(won, reward=None), replace(won, stop=StopReason.ERROR)]) == {}


@pytest.mark.parametrize(
    ("evidence", "room", "status", "becomes"),
    [
        (HARMS, Room(), Status.ACTIVE, Status.RETIRED),
        (NOTHING, Room(), Status.ACTIVE, Status.ACTIVE),
        (OPEN, Room(), Status.ACTIVE, Status.ACTIVE),
        (FUTILE, NO_ROOM, Status.CANDIDATE, Status.CANDIDATE),
    ],
)
def test_what_a_person_vouched_for_goes_only_where_it_harms(
    evidence: Evidence, room: Room, status: Status, becomes: Status
) -> None:
    item = Item("a-1", "playbook", "a", status=status, trust=Trust.PERSON, effect=PROVEN)
    assert decide(item, evidence, room)[0] is becomes


def test_what_was_promoted_and_no_longer_shows_that_it_helps_is_a_candidate_again() -> None:
    items = {"a-1": Item("a-1", "playbook", "a", status=Status.CANDIDATE)}
    seen = []
    for new in (HELPS, Evidence(40, -30, 30), Evidence(200, 150, 150)):
        (edit,) = promotions(items, {"a-1": new})
        items = fold([edit], items)
        seen.append((items["a-1"].status, edit.why.partition(":")[0]))
    assert seen == [
        (Status.ACTIVE, "it helps"),
        (Status.CANDIDATE, "it no longer shows that it helps"),
        (Status.ACTIVE, "it helps"),
    ]


def test_a_pending_item_that_helps_is_admitted_as_verified() -> None:
    items = {id: Item(id, "playbook", id, status=Status.PENDING, trust=Trust.OUTSIDE) for id in ("a-1", "b-1", "c-1")}
    after = fold(promotions(items, {"a-1": HELPS, "b-1": HARMS, "c-1": OPEN}), items)
    assert [(one.status, one.trust) for one in after.values()] == [
        (Status.ACTIVE, Trust.VERIFIED),
        (Status.RETIRED, Trust.OUTSIDE),
        (Status.PENDING, Trust.OUTSIDE),
    ]


def test_where_success_without_it_leaves_no_room_a_candidate_goes_and_an_active_item_stays() -> None:
    items = {
        "a-1": Item("a-1", "playbook", "a"),
        "b-1": Item("b-1", "playbook", "b", status=Status.ACTIVE),
        "c-1": Item("c-1", "playbook", "c", effect=HELPS.to_effect()),
    }
    some = fold(promotions(items, {}, room=dict.fromkeys(items, Room(30, 0.0))), items)
    assert some["a-1"].status is Status.CANDIDATE and Room.of(some["a-1"].effect) == Room(30, 0.0)
    edits = promotions(some, {}, room=dict.fromkeys(items, Room(120, 2.0)))
    after = fold(edits, some)
    assert [one.status for one in after.values()] == [Status.RETIRED, Status.ACTIVE, Status.ACTIVE]
    assert "hardly room for +0.05" in edits[0].why and "2.0 to gain in 150 episodes without it" in edits[0].why
    assert Evidence.of(after["c-1"].effect) == HELPS


def test_memory_stays_bounded_and_the_least_hopeful_candidates_make_room() -> None:
    items = {
        "a-1": Item("a-1", "playbook", "a", status=Status.ACTIVE, effect={"high": 0.06}),
        "b-1": Item("b-1", "playbook", "b", effect={"high": 0.3}),
        "b-2": Item("b-2", "playbook", "b", harmful=2),
        "b-3": Item("b-3", "playbook", "b", helpful=1),
        "b-4": Item("b-4", "playbook", "b", trust=Trust.PERSON, effect={"high": 0.2}),
        "c-1": Item("c-1", "cases", "c"),
        "d-1": Item("d-1", "playbook", "d", status=Status.PENDING),
    }
    edits = promotions(items, {}, Rules(most=3))
    assert [(edit.item, edit.fields) for edit in edits] == [(id, {"status": Status.RETIRED}) for id in ("b-1", "b-2")]
    assert "over 3 of its kind" in edits[0].why
    edits = promotions(items, {"b-3": HARMS, "b-1": OPEN}, Rules(most=3))
    assert [edit.item for edit in edits if edit.fields.get("status") is Status.RETIRED] == ["b-3", "b-2"]
    assert [edit.item for edit in promotions(items, {}, Rules(most=1))] == ["b-1", "b-2", "b-3", "b-4"]


def test_what_a_round_found_out_outlives_its_rollback(tmp_path: Path) -> None:
    names = ("a-1", "b-1", "c-1", "d-1")
    with Memory.open(tmp_path, create=True) as memory:
        before = memory.commit([add(Item(id, "playbook", id)) for id in names])
        memory.commit(promotions(memory.journal.items(), dict.fromkeys(names, OPEN)))
        reworded = [Edit(Op.SET, "b-1", {"text": "new"}), Edit(Op.COUNT, "a-1", {"uses": 3}), Edit(Op.REMOVE, "d-1")]
        memory.commit([*reworded, add(Item("e-1", "playbook", "e"))])
        last = {"a-1": HELPS, "b-1": HELPS, "e-1": HARMS}
        memory.commit(promotions(memory.journal.items(), last))
        back = memory.journal.rollback(before)
        memory.commit(evidence_kept(memory.journal.log(after=before, before=back), memory.journal.items(back)))
        items = memory.journal.items()
    assert [*items] == [*names]
    assert [Evidence.of(one.effect) for one in items.values()] == [OPEN + HELPS, OPEN, OPEN, OPEN]
    assert [one.status for one in items.values()] == [Status.ACTIVE, *[Status.CANDIDATE] * 3]
    assert (items["a-1"].uses, items["b-1"].text) == (0, "b-1")


def test_decisions_are_journal_entries_that_say_why_and_land_once(tmp_path: Path) -> None:
    names = ("a-1", "b-1", "c-1")
    with Memory.open(tmp_path, create=True) as memory:
        memory.commit([add(Item(id, "playbook", id)) for id in names])
        edits = promotions(memory.journal.items(), {"c-1": OPEN, "a-1": HELPS, "b-1": HARMS, "gone-1": HELPS})
        version = memory.commit(edits, note="round 1", key="run/update/1")
        assert memory.commit(edits, note="round 1", key="run/update/1") == version == memory.version
        items = memory.journal.items()
        assert [items[id].status for id in names] == [Status.ACTIVE, Status.RETIRED, Status.CANDIDATE]
        assert [item.id for item in memory.items()] == ["a-1", "c-1"]
        (batch,) = memory.journal.log(after=1)
        assert [edit.item for edit in batch.edits] == [*names]
        assert batch.edits[0].why == "it helps: +0.67 of reward (95%: +0.26 to +1.00, evidence of 60.0 pairs)"
        assert Evidence.of(items["a-1"].effect) == HELPS


def test_evidence_adds_up_from_round_to_round(tmp_path: Path) -> None:
    with Memory.open(tmp_path, create=True) as memory:
        memory.commit([add(Item("a-1", "playbook", "a"))])
        for _ in range(6):
            memory.commit(promotions(memory.journal.items(), {"a-1": Evidence(10, 7, 7)}, Rules()))
        (item,) = memory.items()
    assert (item.status, Evidence.of(item.effect)) == (Status.ACTIVE, Evidence(60, 42, 42))
    assert item.effect is not None and 0 < item.effect["low"] < item.effect["mean"] == 0.7 < item.effect["high"]
