"""The journal: batches are whole and numbered, state is their fold, whoever wrote them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from knowhow.environments.errors import BadSetting, Conflict, MemoryDamaged
from knowhow.memory.fold import add
from knowhow.memory.journal import Journal
from knowhow.memory.types import Edit, Item, Op, Status, Trust

LESSON = Item(
    "shr-00001",
    "bullet",
    "Open the fridge first.",
    {"section": "strategies"},
    suite="household",
    split="train",
    sources=("ep-1", "ep-2"),
    trust=Trust.VERIFIED,
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db", create=True) as journal:
        yield journal


def count(item: str, **counts: int) -> Edit:
    return Edit(Op.COUNT, item, counts)


def test_a_new_journal_is_empty_and_a_missing_one_is_not_made_by_looking(tmp_path: Path) -> None:
    with pytest.raises(MemoryDamaged, match="there is no journal at"):
        Journal.open(tmp_path / "none" / "journal.db")
    assert list(tmp_path.iterdir()) == []
    with Journal.open(tmp_path / "new" / "journal.db", create=True) as journal:
        assert (journal.version, journal.items(), journal.log()) == (0, {}, [])


def test_batches_are_numbered_and_say_who_made_them(journal: Journal) -> None:
    assert journal.commit([add(LESSON, why="seen twice")], note="round 1", key="r1") == 1
    assert journal.commit([count(LESSON.id, uses=2, helpful=1), Edit(Op.SET, LESSON.id, {"status": "active"})]) == 2
    first, second = journal.log()
    assert (first.note, first.key, first.edits[0].why) == ("round 1", "r1", "seen twice")
    assert first.at <= second.at <= time.time()
    assert journal.log(after=1) == [second] and journal.log(before=2) == [first]
    item = journal.items()[LESSON.id]
    assert (item.uses, item.helpful, item.harmful, item.status) == (2, 1, 0, Status.ACTIVE)
    assert journal.items(1) == {LESSON.id: LESSON}


def test_an_edit_against_an_old_version_is_refused(journal: Journal) -> None:
    journal.commit([add(LESSON)], expected=0)
    with pytest.raises(Conflict, match="at version 1, not 0"):
        journal.commit([count(LESSON.id, uses=1)], expected=0)
    with pytest.raises(Conflict):
        journal.rollback(0, expected=0)
    assert journal.version == 1
    assert journal.commit([count(LESSON.id, uses=1)], expected=1) == 2


def test_the_same_key_lands_once_and_keeps_its_version(journal: Journal) -> None:
    assert journal.commit([add(LESSON)], key="round-1") == 1
    journal.commit([count(LESSON.id, uses=1)])
    assert journal.commit([add(LESSON)], key="round-1", expected=0) == 1
    assert journal.rollback(0, key="undo") == journal.rollback(0, key="undo") == 3
    assert journal.version == 3
    assert journal.commit([]) == 4 and journal.commit([]) == 5  # without a key, each is its own


WRONG_EDITS = {
    "is there already": add(LESSON),
    "no such item": count("shr-00009", uses=1),
    "no such item;": Edit(Op.SET, "shr-00009", {"text": "x"}),
    "cannot remove item 'shr-00009'": Edit(Op.REMOVE, "shr-00009"),
    "no such field": Edit(Op.SET, LESSON.id, {"colour": "red"}),
    "set id of item": Edit(Op.SET, LESSON.id, {"id": "shr-00002"}),
    "text: 3 is no str": Edit(Op.SET, LESSON.id, {"text": 3}),
    "uses: True is no int": count(LESSON.id, uses=True),
    "text of item 'shr-00001': that is no counter": Edit(Op.COUNT, LESSON.id, {"text": "x"}),
    "at least 0": count(LESSON.id, uses=-1),
    "'famous' is not a valid Status": Edit(Op.SET, LESSON.id, {"status": "famous"}),
    "sources: 'ep-1' is no list": Edit(Op.SET, LESSON.id, {"sources": "ep-1"}),
    "split 'test'": Edit(Op.ADD, "new", {"kind": "bullet", "text": "x", "split": "test"}),
    "from split 'test'": Edit(Op.SET, LESSON.id, {"split": "test"}),
    "a kind and a text": Edit(Op.ADD, "new", {"kind": "bullet"}),
    "id is empty": Edit(Op.ADD, "", {"kind": "bullet", "text": "x"}),
    "item: 7 is no str": Edit(Op.ADD, 7, {"kind": "bullet", "text": "x"}),  # type: ignore[arg-type]
    "written as JSON: Out of range": Edit(Op.SET, LESSON.id, {"effect": {"value": float("nan")}}),
    "neither text, number": Edit(Op.SET, LESSON.id, {"data": {"when": {1, 2}}}),
}


@pytest.mark.parametrize("said", WRONG_EDITS)
def test_an_edit_that_does_not_fit_is_refused_with_its_whole_batch(journal: Journal, said: str) -> None:
    journal.commit([add(LESSON)])
    with pytest.raises(BadSetting) as refused:
        journal.commit([count(LESSON.id, uses=1), WRONG_EDITS[said]], key="once")
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert (journal.version, journal.items()) == (1, {LESSON.id: LESSON})
    assert journal.commit([], key="once") == 2


def test_ids_never_repeat_though_their_items_are_removed_rolled_back_or_chosen_by_hand(journal: Journal) -> None:
    first = journal.new_ids("shr", 2)
    assert first == ["shr-00001", "shr-00002"]
    journal.commit([add(Item(name, "bullet", "")) for name in first])
    journal.commit([Edit(Op.REMOVE, first[0])])
    journal.rollback(0)
    assert journal.new_ids("shr") == ["shr-00003"]
    journal.commit([add(Item("shr-00010", "bullet", "")), add(Item("by hand", "bullet", ""))])
    assert journal.new_ids("shr") == ["shr-00011"] and journal.new_ids("mis") == ["mis-00001"]
    with Journal.open(journal._database.path) as other:
        assert other.new_ids("shr") == ["shr-00012"]
    with pytest.raises(BadSetting, match="prefix ''"):
        journal.new_ids("")


def test_ids_asked_for_again_with_the_same_key_are_the_same(journal: Journal) -> None:
    first = journal.new_ids("shr", 2, key="round 1")
    assert journal.new_ids("shr", 2, key="round 1") == first
    assert not set(journal.new_ids("shr", 2, key="round 2")) & set(first)
    assert not set(journal.new_ids("shr", 3, key="round 1")) & set(first)


def test_text_with_half_a_surrogate_pair_or_a_null_survives(journal: Journal) -> None:
    item = Item("a", "bullet", "cut off \ud83d and \0", {"\udc00": "\ud800"})
    journal.commit([add(item)], note="cut \ud83d", key="key \ud83d")
    assert journal.commit([], key="key \ud83d") == 1
    with Journal.open(journal._database.path) as other:
        assert other.items() == {"a": item}


def test_an_unknown_version_is_refused(journal: Journal) -> None:
    journal.commit([add(LESSON)])
    for wrong in (-1, 2):
        with pytest.raises(BadSetting, match=f"no version {wrong}; the journal has 0 to 1"):
            journal.items(wrong)
        with pytest.raises(BadSetting):
            journal.diff(0, wrong)
        with pytest.raises(BadSetting):
            journal.rollback(wrong)
    assert journal.version == 1


def test_snapshots_can_be_thrown_away_or_be_damaged(journal: Journal) -> None:
    journal.commit([add(LESSON)])
    for _ in range(30):
        journal.commit([count(LESSON.id, uses=1)] * 100)
    path, now, past = journal._database.path, journal.items(), journal.items(7)
    assert now[LESSON.id].uses == 3000
    for throw_away in ("UPDATE snapshots SET items = x'00'", "DELETE FROM snapshots"):
        with sqlite3.connect(path) as connection:
            assert connection.execute(throw_away).rowcount > 0
        connection.close()
        with Journal.open(path) as again:
            assert again.items() == now and again.items(7) == past


def test_what_another_process_wrote_is_seen_and_counts_against_the_expected_version(journal: Journal) -> None:
    journal.commit([add(LESSON)])
    with Journal.open(journal._database.path) as other:
        other.commit([count(LESSON.id, uses=1)])
        assert journal.version == 2 and journal.items()[LESSON.id].uses == 1
        other.commit([Edit(Op.REMOVE, LESSON.id)])
        with pytest.raises(Conflict):
            journal.commit([count(LESSON.id, uses=1)], expected=2)
        with pytest.raises(BadSetting, match="no such item"):
            journal.commit([count(LESSON.id, uses=1)])


def test_threads_share_a_journal(journal: Journal) -> None:
    journal.commit([add(LESSON)])
    threads = [Thread(target=lambda: [journal.commit([count(LESSON.id, uses=1)]) for _ in range(25)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.version == 101 and journal.items()[LESSON.id].uses == 100


def test_a_state_in_hand_stays_as_it_is_and_is_the_same_until_something_is_written(journal: Journal) -> None:
    journal.commit([add(LESSON)])
    version, items = journal.state()
    assert journal.state()[1] is items and journal.items() == items
    with Journal.open(journal._database.path) as other:
        other.commit([Edit(Op.REMOVE, LESSON.id), add(Item("b", "lesson", "")), add(Item("a", "lesson", ""))])
    assert list(journal.items()) == ["a", "b"] and journal.items() is journal.items()
    assert (version, items) == (1, {LESSON.id: LESSON})


def test_what_was_touched_lately_is_told_whoever_wrote_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowhow.memory.journal._REMEMBERED", 3)
    path = tmp_path / "journal.db"
    with Journal.open(path, create=True) as journal, Journal.open(path) as other:
        other.commit([add(LESSON)])
        journal.commit([add(Item("a", "lesson", ""))])
        other.commit([count("a", uses=1), count(LESSON.id, uses=1)])
        journal.state()
        assert journal.touched(0) == journal.touched(1) == {"a", LESSON.id}
        assert journal.touched(3) == set()
        other.rollback(2)
        journal.commit([Edit(Op.REMOVE, "a")])
        assert journal.touched(4) == {"a"} and journal.touched(2) == {"a", LESSON.id}
        assert journal.touched(1) is None


def test_of_several_writers_one_takes_each_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, create=True) as one, Journal.open(path) as two:
        one.commit([add(LESSON)])
        for _ in range(35):
            one.commit([count(LESSON.id, uses=1)] * 100)
            two.commit([count(LESSON.id, uses=1)] * 100)
        with sqlite3.connect(path) as connection:
            assert connection.execute("SELECT count(*) FROM snapshots").fetchone()[0] in (3, 4)
        connection.close()
    with Journal.open(path) as again:
        assert again.items()[LESSON.id].uses == 7000
