"""Deltas: whatever a Curator says, code applies what makes sense, and the journal takes all of it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from knowhow.memory.delta import Draft, Operation, apply_operation, read_operations
from knowhow.memory.journal import Journal
from knowhow.memory.types import Item, Status, Trust


def item(id: str, text: str = "text", **fields: object) -> Item:
    return Item(id=id, kind="playbook", text=text, **fields)  # type: ignore[arg-type]


def maker(start: int = 100):  # type: ignore[no-untyped-def]
    numbers = iter(range(start, 10_000))
    return lambda operation: item(f"str-{next(numbers):05d}", operation.content, sources=("new",))


def apply(draft: Draft, *operations: Operation) -> list[bool]:
    make = maker()
    return [apply_operation(draft, operation, make) for operation in operations]


def test_each_operation_does_what_its_name_says() -> None:
    draft = Draft({"a": item("a", "one"), "b": item("b", "two"), "c": item("c", "three")})
    done = apply(
        draft,
        Operation("ADD", content="four"),
        Operation("UPDATE", ("a",), content="one, sharper"),
        Operation("REMOVE", ("b",)),
    )
    assert done == [True, True, True]
    assert {i.text for i in draft.items.values()} == {"one, sharper", "three", "four"}
    assert "b" not in draft.items


def test_a_merge_keeps_every_counter_and_source() -> None:
    one = item("a", "open fridges", uses=3, helpful=2, harmful=1, sources=("x",))
    other = item("b", "open the fridge", uses=4, helpful=1, harmful=0, sources=("y", "x"))
    draft = Draft({"a": one, "b": other})
    assert apply(draft, Operation("MERGE", ("a", "b"), content="open fridges first")) == [True]
    merged = draft.items["a"]
    assert (merged.uses, merged.helpful, merged.harmful) == (7, 3, 1)
    assert merged.sources == ("x", "y", "new")
    assert list(draft.items) == ["a"]


def test_an_item_that_says_something_else_has_to_prove_itself_anew_and_is_trusted_no_more_than_its_sources() -> None:
    proven = item("a", "always", uses=40, helpful=40, trust=Trust.VERIFIED, status=Status.ACTIVE, effect={"mean": 0.5})
    draft = Draft({"a": proven, "b": item("b", "b", trust=Trust.PERSON)})
    assert apply(draft, Operation("UPDATE", ("a",), content="never"), Operation("MERGE", ("b", "a"), content="well"))
    updated = draft.edits[0].fields
    assert (updated["uses"], updated["helpful"], updated["effect"], updated["status"]) == (0, 0, None, Status.CANDIDATE)
    assert updated["trust"] is Trust.REFLECTION
    assert draft.items["b"].trust is Trust.REFLECTION


def test_what_makes_no_sense_changes_nothing() -> None:
    draft = Draft({"a": item("a", "one")})
    nonsense = [
        Operation("ADD"),
        Operation("ADD", content="one"),
        Operation("UPDATE", ("a",), content="one"),
        Operation("UPDATE", ("zzz",), content="x"),
        Operation("MERGE", ("a",), content="x"),
        Operation("MERGE", ("a", "zzz"), content="x"),
        Operation("REMOVE", ("zzz",)),
        Operation("REMOVE"),
        Operation("EXPLODE", ("a",)),
    ]
    assert not any(apply(draft, *nonsense))
    assert draft.items == {"a": item("a", "one")}
    assert draft.edits == []


def test_operations_are_read_from_what_models_write() -> None:
    said = {
        "operations": [
            {"type": "add", "section": "Facts", "content": " a  b\nc ", "from": [1, "2", True]},
            {"type": "REMOVE", "bullet_id": "[str-00001]"},
            {"type": "MERGE", "ids": ["x", "x", "y"], "content": "z"},
            "rubbish",
            None,
        ]
    }
    added, removed, merged = read_operations(said)
    assert (added.type, added.section, added.content, added.sources) == ("ADD", "facts", "a b c", (1,))
    assert removed.ids == ("str-00001",)
    assert merged.ids == ("x", "y")
    assert read_operations(None) == read_operations({"operations": "none"}) == []


IDS = st.sampled_from(["a", "b", "c", "d", "str-00100", "str-00101"])
OPERATIONS = st.builds(
    Operation,
    type=st.sampled_from(["ADD", "UPDATE", "MERGE", "REMOVE", "OTHER"]),
    ids=st.lists(IDS, max_size=3, unique=True).map(tuple),
    content=st.sampled_from(["", "one", "two", "three words here"]),
)


@settings(max_examples=60)
@given(st.lists(OPERATIONS, max_size=12))
def test_the_journal_folds_a_deltas_edits_to_the_drafts_state(operations: list[Operation]) -> None:
    with TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal.db", create=True) as journal:
        first = Draft({})
        for id in "abcd":
            first.add(item(id, f"lesson {id}", uses=1), "")
        journal.commit(first.edits)
        draft = Draft(dict(journal.items()))
        apply(draft, *operations)
        if draft.edits:
            journal.commit(draft.edits)
        assert journal.items() == dict(sorted(draft.items.items()))
        assert journal.items(1) == dict(sorted(first.items.items()))
