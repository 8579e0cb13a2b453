"""The memory folder: the journal and its index as one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from knowhow.environments.errors import MemoryDamaged
from knowhow.memory.embed import load_embedder
from knowhow.memory.fold import add
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Op, Status

LESSONS = {
    "clean": "Clean the object at the sinkbasin, then put it in its place.",
    "heat": "To heat an object, carry it to the microwave.",
    "closed": "Open a closed receptacle before you take an object from it.",
    "twice": "Do not search the same shelf twice; remember what you saw.",
    "rome": "The history of Rome is long and complicated.",
}
ITEMS = [Item(name, "lesson", text) for name, text in LESSONS.items()]


class Counting:
    """The embedder ``hashing``, and what it was asked."""

    def __init__(self) -> None:
        self._embed, self.asked = load_embedder("hashing"), list[str]()
        self.name = self._embed.name

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return self._embed(texts)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "memory", create=True) as memory:
        memory.commit([add(item) for item in ITEMS])
        yield memory


def test_a_search_sees_what_was_committed_just_before(memory: Memory) -> None:
    assert memory.search("heat it", 1)[0][0].id == "heat"
    memory.commit([Edit(Op.REMOVE, "heat"), Edit(Op.SET, "rome", {"text": "Heat it in the oven."})])
    item, similarity = memory.search("heat it", 1)[0]
    assert (item.id, item.text) == ("rome", "Heat it in the oven.") and similarity > 0.3
    memory.journal.rollback(1)
    assert memory.search("heat it", 1)[0][0] == Item("heat", "lesson", LESSONS["heat"])
    assert memory.version == 3


def test_only_items_that_may_be_shown_are_found_unless_others_are_asked_for(memory: Memory) -> None:
    memory.commit([Edit(Op.SET, "heat", {"status": "retired"}), Edit(Op.SET, "clean", {"status": "active"})])
    assert "heat" not in [item.id for item in memory.items()]
    assert [item.id for item in memory.items(statuses=[Status.RETIRED])] == ["heat"]
    assert [item.id for item in memory.items("lesson", [Status.ACTIVE])] == ["clean"] and memory.items("case") == []
    assert "heat" not in [item.id for item, _ in memory.search("heat it", 9)]
    assert [item.id for item, _ in memory.search("heat it", 9, statuses=[Status.RETIRED])] == ["heat"]


def test_a_search_in_a_scope_finds_its_items_and_those_for_any(memory: Memory) -> None:
    memory.commit(
        [
            Edit(Op.SET, "heat", {"suite": "household", "task_kind": "heat"}),
            Edit(Op.SET, "rome", {"suite": "question"}),
            Edit(Op.SET, "clean", {"kind": "case"}),
        ]
    )
    found = {item.id for item, _ in memory.search("object", 9, suite="household", task_kind="heat")}
    assert found == LESSONS.keys() - {"rome"}
    assert {item.id for item, _ in memory.search("object", 9, suite="question", task_kind="put")} == LESSONS.keys() - {
        "heat"
    }
    assert [item.id for item, _ in memory.search("object", 9, kind="case")] == ["clean"]


def test_a_memory_that_is_never_searched_does_not_load_chroma(tmp_path: Path) -> None:
    code = (
        "import conftest, sys; from knowhow.memory.store import Memory; from knowhow.memory.fold import add\n"
        "from knowhow.memory.types import Item\n"
        "with Memory.open(sys.argv[1], create=True) as memory:\n"
        "    memory.commit([add(Item('a', 'lesson', 'x'))]); memory.items(); memory.embed(['x'])\n"
        "assert 'chromadb' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "memory")], cwd=Path(__file__).parent, check=True)
    assert sorted(path.name for path in (tmp_path / "memory").iterdir()) == ["journal.db"]


def test_what_another_process_committed_is_found_and_nothing_is_embedded_twice(memory: Memory, tmp_path: Path) -> None:
    embed = Counting()
    with (
        Memory.open(tmp_path / "memory", embedder=embed) as one,
        Memory.open(tmp_path / "memory", embedder=embed) as two,
    ):
        one.search("heat it", 1)
        assert sorted(embed.asked) == sorted([*LESSONS.values(), "heat it"])
        embed.asked.clear()
        assert two.search("heat it", 1)[0][0].id == "heat" and embed.asked == ["heat it"]
        memory.commit([add(Item("new", "lesson", "Whistle before you enter.")), Edit(Op.REMOVE, "heat")])
        for other in (one, two):
            assert other.search("Whistle before you enter.", 1)[0] == (other.items()[2], pytest.approx(1, abs=1e-5))
            assert other.version == 2 and "heat" not in [item.id for item in other.items()]
        assert embed.asked.count("Whistle before you enter.") <= 2
        version = two.commit([Edit(Op.SET, "new", {"status": "retired"})])
        assert [item.id for item in one.items(statuses=[Status.RETIRED])] == ["new"] and one.version == version
        assert "new" not in [item.id for item, _ in one.search("Whistle before you enter.", 9)]


def test_a_list_of_items_is_the_callers_own(memory: Memory) -> None:
    memory.items("lesson").clear()
    assert len(memory.items("lesson")) == len(LESSONS)


def test_threads_search_one_memory_while_it_changes(memory: Memory) -> None:
    def change() -> None:
        for number in range(30):
            memory.commit([add(Item(f"more-{number}", "lesson", f"Lesson {number} of many."))])

    def search() -> list[tuple[str, float]]:
        found = [memory.search(f"Lesson {number} of many.", 1)[0] for number in range(30) for _ in range(2)]
        return [(item.id, similarity) for item, similarity in found]

    with ThreadPoolExecutor() as pool:
        searches = [pool.submit(search) for _ in range(3)]
        pool.submit(change).result()
        assert all(len(one.result()) == 60 for one in searches)
    assert search() == [(f"more-{number}", pytest.approx(1, abs=1e-5)) for number in range(30) for _ in range(2)]


def test_a_folder_that_is_no_memory_or_half_of_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MemoryDamaged, match="there is no journal at"):
        Memory.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    with Memory.open(tmp_path / "memory", create=True) as memory:
        memory.commit([add(item) for item in ITEMS])
        memory.search("heat")
    (tmp_path / "memory" / "journal.db").unlink()
    for create in (False, True):
        with pytest.raises(MemoryDamaged, match="half deleted"):
            Memory.open(tmp_path / "memory", create=create)
    assert [path.name for path in (tmp_path / "memory").iterdir()] == ["index"]
