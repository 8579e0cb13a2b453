"""Promotion: what the interval says becomes a status, by an edit in the journal that says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowhow.memory.effects import Evidence
from knowhow.memory.fold import add
from knowhow.memory.promote import Rules, decide, promotions
from knowhow.memory.store import Memory
from knowhow.memory.types import Item, Status

HELPS, HARMS, NOTHING, OPEN = (
    Evidence(60, 40, 40),
    Evidence(60, -40, 40),
    Evidence(200, 0, 0),
    Evidence(10, 2, 5),
)


@pytest.mark.parametrize(
    ("status", "evidence", "becomes", "reason"),
    [
        (Status.CANDIDATE, HELPS, Status.ACTIVE, "it helps"),
        (Status.CANDIDATE, HARMS, Status.RETIRED, "it harms"),
        (Status.ACTIVE, HARMS, Status.RETIRED, "it harms"),
        (Status.CANDIDATE, NOTHING, Status.RETIRED, "not worth +0.05"),
        (Status.CANDIDATE, OPEN, Status.CANDIDATE, "still open"),
        (Status.ACTIVE, OPEN, Status.ACTIVE, "still open"),
        (Status.CANDIDATE, Evidence(50, -2, 4), Status.RETIRED, "hardly worth +0.05"),
        (Status.CANDIDATE, Evidence(39, -2, 4), Status.CANDIDATE, "still open"),
        (Status.ACTIVE, Evidence(50, -2, 4), Status.ACTIVE, "still open"),
        (Status.CANDIDATE, Evidence(1000, 80, 900), Status.RETIRED, "not shown that it helps"),
        (Status.RETIRED, HELPS, Status.RETIRED, "retired before"),
    ],
)
def test_a_status_follows_from_the_evidence(status: Status, evidence: Evidence, becomes: Status, reason: str) -> None:
    found, why = decide(status, evidence)
    assert (found, reason in why) == (becomes, True), why


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
