"""Going back to a version brings recall back bit for bit: the same ids, the same scores, the same text."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from making import WON, answers

from knowhow.agents.types import Query, Recalled
from knowhow.memory.banks.playbook import Playbook
from knowhow.memory.fold import add
from knowhow.memory.recall import recall_of
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Op, Status

WORDS = ["open", "close", "heat", "cool", "the", "a", "red", "blue", "door", "fridge", "mug", "twice", "before", "look"]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
NAMES = st.sampled_from([f"str-{number:05d}" for number in range(12)])
CHANGES = st.one_of(
    st.tuples(st.just("text"), NAMES, TEXTS),
    st.tuples(st.just("status"), NAMES, st.sampled_from(["candidate", "active", "retired"])),
    st.tuples(st.just("helpful"), NAMES, st.integers(1, 3)),
    st.tuples(st.just("remove"), NAMES, st.none()),
    st.tuples(st.just("back"), st.none(), st.integers(0, 99)),
    st.tuples(st.just("reopen"), st.none(), st.none()),
)
QUERIES = ("open the red door", "heat a mug twice", "look before")


def edits(change: tuple[str, str, Any], items: dict[str, Item]) -> list[Edit]:
    """The change as edits of what is there; an item that is not there is added first."""
    what, name, value = change
    if name not in items:
        return [] if what == "remove" else [add(Item(name, "playbook", value if what == "text" else "look twice"))]
    if what == "remove":
        return [Edit(Op.REMOVE, name)]
    return [Edit(Op.COUNT if what == "helpful" else Op.SET, name, {what: value})]


def recalled(memory: Memory) -> Any:
    """All that a version of a memory brings to the prompt, and finds."""
    bank = Playbook(memory, answers(lambda turn: AIMessage("")))
    query = Query(WON.task, "You stand before door 1.", goes_without=lambda id: id.endswith("3"))

    async def ask() -> Recalled:
        return await recall_of(memory, [bank], tokens=60)(query)

    shown = asyncio.run(ask())
    found = [memory.search(text, k, kind="playbook") for text in QUERIES for k in (2, 99)]
    anyhow = [memory.search(text, 5, statuses=tuple(Status)) for text in QUERIES]
    return shown, found, anyhow


@settings(max_examples=30)
@given(st.lists(st.lists(CHANGES, min_size=1, max_size=3), min_size=2, max_size=12), st.data())
def test_going_back_brings_recall_back_bit_for_bit(tmp_path_factory: Any, history: Any, data: Any) -> None:
    folder: Path = tmp_path_factory.mktemp("memory")
    memory = Memory.open(folder, create=True)
    was = {0: recalled(memory)}
    for batch in history:
        memory = apply(memory, folder, batch)
        was[memory.version] = recalled(memory)
    to = data.draw(st.sampled_from(sorted(was)))
    memory.journal.rollback(to)
    assert recalled(memory) == was[to]
    memory.close()
    with Memory.open(folder) as again:
        assert recalled(again) == was[to]


def apply(memory: Memory, folder: Path, batch: Sequence[tuple[str, Any, Any]]) -> Memory:
    for change in batch:
        what, _, value = change
        if what == "reopen":
            memory.close()
            memory = Memory.open(folder)
        elif what == "back":
            memory.journal.rollback(value % (memory.version + 1))
        else:
            memory.commit(edits(change, memory.journal.items()))
    return memory


@pytest.mark.parametrize("deleted", [False, True], ids=["kept", "index deleted"])
def test_of_thousands_recall_comes_back_too(tmp_path: Path, deleted: bool) -> None:
    texts = [
        f"Lesson {number}: {WORDS[number % 14]} the {WORDS[number % 7]} {number % 97} times." for number in range(3000)
    ]
    with Memory.open(tmp_path, create=True) as memory:
        memory.commit([add(Item(f"str-{number:05d}", "playbook", text)) for number, text in enumerate(texts)])
        before = [memory.search(text, 8) for text in texts[::100]]
        memory.commit([Edit(Op.REMOVE, f"str-{number:05d}") for number in range(0, 3000, 2)])
        memory.commit([Edit(Op.SET, f"str-{number:05d}", {"text": "look"}) for number in range(1, 3000, 4)])
        assert [memory.search(text, 8) for text in texts[::100]] != before
        memory.journal.rollback(1)
        assert [memory.search(text, 8) for text in texts[::100]] == before
    if deleted:
        for file in (tmp_path / "index").iterdir():
            file.unlink()
    with Memory.open(tmp_path) as memory:
        assert [memory.search(text, 8) for text in texts[::100]] == before
