"""The laws of edits, on generated histories: folding, differing, rolling back, merging."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from knowhow.memory.fold import COUNTERS, bridge, difference, fold
from knowhow.memory.journal import Journal
from knowhow.memory.types import Edit, Item, Op, Status, Trust

History = list[list[Edit]]
Fields = dict[str, Any]

NAMES = [f"it-{number:05d}" for number in range(1, 7)]
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(max_size=20),
    "data": st.dictionaries(st.text(max_size=4), JSON, max_size=3),
    "task_kind": st.sampled_from(["", "clean", "heat"]),
    "split": st.sampled_from(["", "train", "validation"]),
    "sources": st.lists(st.text(max_size=5), max_size=3),
    "trust": st.sampled_from(Trust),
    "status": st.sampled_from(Status),
    "uses": st.integers(0, 9),
    "effect": st.none() | st.dictionaries(st.sampled_from(["value", "low", "high"]), FINITE),
}
SOME_FIELDS = st.fixed_dictionaries({}, optional=FIELDS)
COUNTS = st.dictionaries(st.sampled_from(sorted(COUNTERS)), st.integers(0, 9), min_size=1)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Batches of edits, each of which fits the state that those before it leave."""
    there: set[str] = set()
    return [[draw(_edit(there)) for _ in range(draw(st.integers(0, 4)))] for _ in range(draw(st.integers(1, 6)))]


@st.composite
def _edit(draw: st.DrawFn, there: set[str]) -> Edit:
    name = draw(st.sampled_from(NAMES))
    if name not in there:
        there.add(name)
        return Edit(Op.ADD, name, {"kind": "lesson", "text": "", **draw(SOME_FIELDS)})
    op = draw(st.sampled_from([Op.SET, Op.COUNT, Op.REMOVE]))
    if op is Op.REMOVE:
        there.remove(name)
        return Edit(op, name)
    return Edit(op, name, draw(SOME_FIELDS if op is Op.SET else COUNTS))


@contextmanager
def written(history: History) -> Iterator[tuple[Journal, list[dict[str, Item]]]]:
    """A journal with this history, and the state that it reported at every version, 0 first."""
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "j.db", create=True) as journal:
        states = [journal.items()]
        for batch in history:
            journal.commit(batch)
            states.append(journal.items())
        yield journal, states


def exactly(items: dict[str, Item]) -> str:
    """A state bit for bit, with its order; equality takes 1 and True for the same."""
    return repr(items)


@settings(max_examples=60)
@given(histories())
def test_any_prefix_of_the_log_folds_to_the_state_of_its_version(history: History) -> None:
    with written(history) as (journal, states), Journal.open(journal._database.path) as other:
        assert exactly(other.items()) == exactly(states[-1])
        assert [batch.version for batch in journal.log()] == list(range(1, len(states)))
        for version, state in enumerate(states):
            assert exactly(journal.items(version)) == exactly(state)
            told = fold(edit for batch in journal.log(before=version + 1) for edit in batch.edits)
            assert exactly(dict(sorted(told.items()))) == exactly(state)


@settings(max_examples=60)
@given(histories(), st.data())
def test_a_rollback_gives_the_old_state_bit_for_bit_and_loses_nothing(history: History, data: st.DataObject) -> None:
    with written(history) as (journal, states):
        to = data.draw(st.integers(0, len(history)))
        before = journal.log()
        now = journal.rollback(to)
        assert now == len(states)
        assert exactly(journal.items()) == exactly(states[to])
        assert journal.diff(to, now) == []
        assert journal.log(before=now) == before
        journal.rollback(now - 1)
        assert exactly(journal.items()) == exactly(states[-1])


@settings(max_examples=60)
@given(histories())
def test_a_diff_holds_every_changed_item_and_bridges_the_two_versions(history: History) -> None:
    with written(history) as (journal, states):
        first, last = states[len(states) // 2], states[-1]
        changes = journal.diff(len(states) // 2, len(states) - 1)
        assert changes == difference(first, last)
        assert all(change.before == first.get(change.item) for change in changes)
        assert all(change.after == last.get(change.item) for change in changes)
        assert exactly(dict(sorted(fold(bridge(first, last), first).items()))) == exactly(last)
        untouched = first.keys() - {change.item for change in changes}
        assert all(exactly({"": first[name]}) == exactly({"": last[name]}) for name in untouched)


@given(st.lists(st.tuples(st.sampled_from(NAMES[:3]), COUNTS), max_size=8), st.randoms(use_true_random=False))
def test_counts_come_to_the_same_in_any_order_and_any_batches(counts: list[tuple[str, Any]], rng: Any) -> None:
    start = {name: Item(name, "lesson", "") for name in NAMES[:3]}
    edits = [Edit(Op.COUNT, name, fields) for name, fields in counts]
    shuffled = rng.sample(edits, len(edits))
    cut = len(edits) // 2
    assert fold(edits, start) == fold(shuffled, start) == fold(shuffled[cut:], fold(shuffled[:cut], start))
    assert sum(item.uses for item in fold(edits, start).values()) == sum(fields.get("uses", 0) for _, fields in counts)


@given(SOME_FIELDS, SOME_FIELDS, COUNTS)
def test_a_later_set_wins_field_by_field_and_leaves_the_others(one: Fields, other: Fields, counts: Fields) -> None:
    start = {"a": Item("a", "lesson", "")}
    both = fold([Edit(Op.SET, "a", one), Edit(Op.SET, "a", other)], start)
    assert both == fold([Edit(Op.SET, "a", {**one, **other})], start)
    counted = fold([Edit(Op.SET, "a", one), Edit(Op.COUNT, "a", counts)], start)["a"]
    assert counted.uses == one.get("uses", 0) + counts.get("uses", 0)


def test_a_change_that_equality_does_not_see_is_a_change() -> None:
    edits = [
        [Edit(Op.ADD, "a", {"kind": "lesson", "text": "", "data": {"n": 1}, "effect": {"value": 0.0}})],
        [Edit(Op.SET, "a", {"data": {"n": True}})],
        [Edit(Op.SET, "a", {"data": {"n": 1.0}})],
        [Edit(Op.SET, "a", {"effect": {"value": -0.0}})],
    ]
    with written(edits) as (journal, states):
        for version in (1, 2, 3, 4, 1):
            assert exactly(journal.items(journal.rollback(version))) == exactly(states[version])
        assert len(journal.diff(1, 2)) == len(journal.diff(2, 3)) == len(journal.diff(3, 4)) == 1
