"""The index: what is near is found, and it is whatever the journal says, damaged, outdated or not."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from knowhow.environments.errors import KnowhowError
from knowhow.memory.embed import load_embedder
from knowhow.memory.exact import Exact
from knowhow.memory.index import Index
from knowhow.memory.types import Item, Status

HASHING = load_embedder("hashing")

LESSONS = {
    "clean": "Clean the object at the sinkbasin, then put it in its place.",
    "heat": "To heat an object, carry it to the microwave.",
    "closed": "Open a closed receptacle before you take an object from it.",
    "twice": "Do not search the same shelf twice; remember what you saw.",
    "rome": "The history of Rome is long and complicated.",
}


def items(**texts: str) -> dict[str, Item]:
    return {name: Item(name, "lesson", text) for name, text in sorted((texts or LESSONS).items())}


class Counting:
    """An embedder that keeps what it was asked."""

    def __init__(self) -> None:
        self.name, self.asked = "counting", list[str]()

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return HASHING(texts)


@pytest.fixture(params=[10_000, 0], ids=["exact", "nearly"])
def index(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Index]:
    """An index of few items, and one that works as with many."""
    index = Index(tmp_path / "index", HASHING, exact=request.param)
    yield index
    index.close()


def test_the_nearest_items_come_first_with_their_cosine_similarity(index: Index) -> None:
    assert index.search("anything") == []
    index.sync(items(), 1)
    found = index.search("clean it in the sinkbasin", 3)
    assert found[0][0] == "clean" and len(found) == 3
    assert [similarity for _, similarity in found] == sorted((similarity for _, similarity in found), reverse=True)
    for name, similarity in index.search("clean it in the sinkbasin", 99):
        true = float(HASHING([LESSONS[name]])[0] @ HASHING(["clean it in the sinkbasin"])[0])
        assert similarity == pytest.approx(true, abs=2e-6)
    assert index.search(LESSONS["heat"], 1) == [("heat", pytest.approx(1, abs=1e-6))]
    assert index.search("heat", 0) == [] and len(index.search("heat", 99)) == len(LESSONS)


def test_items_at_the_same_similarity_come_by_id(index: Index) -> None:
    index.sync({name: Item(name, "lesson", "the very same words") for name in ("it-3", "it-1", "it-2")}, 1)
    assert [name for name, _ in index.search("same words", 2)] == ["it-1", "it-2"]
    assert {similarity for _, similarity in index.search("?!", 3)} == {0.0}


def test_items_can_be_filtered(index: Index) -> None:
    some = {
        "a": Item("a", "bullet", "open it", suite="household", task_kind="clean", status=Status.ACTIVE),
        "b": Item("b", "bullet", "open it", suite="", task_kind="heat"),
        "c": Item("c", "case", "open it", suite="alfworld"),
    }
    index.sync(some, 1)

    def found(**where: list[str]) -> list[str]:
        return [name for name, _ in index.search("open it", 9, where)]

    assert found(kind=["bullet"]) == ["a", "b"] and found(kind=["skill"]) == []
    assert found(suite=["household", ""]) == ["a", "b"]
    assert found(status=["active"]) == ["a"] and found(status=[]) == []
    assert found(kind=["bullet"], task_kind=["heat"], status=["candidate"]) == ["b"]


def test_sync_adds_changes_and_deletes_and_embeds_only_new_texts(tmp_path: Path) -> None:
    embed = Counting()
    index = Index(tmp_path / "index", embed)
    first = items(a="open the fridge", b="close the door", c="look twice")
    index.sync(first, 1)
    second = {"a": first["a"], "b": Item("b", "case", "close the door"), "d": Item("d", "lesson", "light the lamp")}
    index.sync(second, 2)
    assert (index.version, index.ids()) == (2, {"a", "b", "d"})
    assert embed.asked == ["open the fridge", "close the door", "look twice", "light the lamp"]
    assert index.search("door", 1, {"kind": ["case"]})[0][0] == "b"
    index.sync({**second, "a": Item("a", "lesson", "heat the mug")}, 3)
    assert index.search("heat the mug", 1) == [("a", pytest.approx(1, abs=1e-6))]
    index.sync({}, 4)
    assert (index.search("heat the mug"), index.ids()) == ([], set())
    index.close()


TEXTS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([*LESSONS.values(), ""]), max_size=6)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(TEXTS, st.booleans()), min_size=1, max_size=5))
def test_after_any_changes_and_reopenings_it_is_as_if_built_at_once(
    tmp_path_factory: Any, history: list[tuple[dict[str, str], bool]]
) -> None:
    folder = tmp_path_factory.mktemp("indices")
    grown, built = Index(folder / "grown", HASHING), Index(folder / "built", HASHING)
    for version, (texts, reopen) in enumerate(history, 1):
        grown.sync(items(**texts) if texts else {}, version)
        grown.search("look twice")
        if reopen:
            grown.close()
    last = items(**history[-1][0]) if history[-1][0] else {}
    grown.sync(last, len(history))
    built.sync(last, 1)
    assert grown.ids() == built.ids() == last.keys()
    for text in LESSONS.values():
        assert grown.search(text, 4) == built.search(text, 4)
    grown.close()
    built.close()


def test_up_to_ten_thousand_items_near_duplicates_are_found_exactly(tmp_path: Path) -> None:
    texts = [f"Lesson {number}: look at thing {number % 7} twice." for number in range(600)]
    index = Index(tmp_path / "index", HASHING)
    index.sync(items(**{f"it-{number:03d}": text for number, text in enumerate(texts)}), 1)
    for number in range(0, 600, 50):
        assert index.search(texts[number], 1) == [(f"it-{number:03d}", pytest.approx(1, abs=1e-5))]
    index.close()


@given(st.integers(1, 12), st.integers(1, 12))
def test_exact_search_sorts_by_similarity_then_name(count: int, k: int) -> None:
    angles = {f"v{number}": math.radians(30 * (number % 6)) for number in range(count)}
    exact = Exact({name: np.array([math.cos(a), math.sin(a)], np.float32) for name, a in angles.items()})
    among = {name for name in angles if name != "v0"}
    told = exact.nearest(np.array([1, 0], np.float32), k, among)
    assert told == sorted(told, key=lambda pair: (-pair[1], pair[0]))
    assert [name for name, _ in told] == sorted(among, key=lambda name: (angles[name], name))[:k]


# --- An index that is not as it was left ---------------------------------------------------------------------------


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """The folder of an index of the lessons at version 5, closed."""
    index = Index(tmp_path / "index", HASHING)
    index.sync(items(), 5)
    index.close()
    return tmp_path / "index"


def reopened(folder: Path, texts: dict[str, Item], version: int) -> list[str]:
    """Sync an index in ``folder``, check that it then answers as it should, and give the texts it embedded for that."""
    embed = Counting()
    embed.name = HASHING.name
    index = Index(folder, embed)
    index.sync(texts, version)
    made = list(embed.asked)
    assert index.version == version and index.ids() == texts.keys()
    for item in texts.values():
        assert index.search(item.text, 1)[0][0] == item.id
    index.close()
    return made


def test_an_index_that_was_closed_is_used_as_it_is(left: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert reopened(left, items(), 5) == []
    assert reopened(left, items(**{**LESSONS, "new": "Light the lamp."}), 6) == ["Light the lamp."]
    assert caplog.records == []


DAMAGES = ["flip a byte", "cut", "delete", "empty"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_not_read_and_the_index_is_built_again(
    left: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    files = sorted(file for file in left.rglob("*") if file.is_file() and file.stat().st_size)
    assert {"chroma.sqlite3", "manifest.json", "data_level0.bin"} <= {file.name for file in files}
    for number, file in enumerate(files):
        copy = left.with_name(f"copy-{number}")
        shutil.copytree(left, copy)
        _hurt(copy / file.relative_to(left), damage)
        assert sorted(reopened(copy, items(), 5)) == sorted(LESSONS.values())
        assert "changed since it was closed" in caplog.text and len(list(copy.iterdir())) == 1
        caplog.clear()


def _hurt(file: Path, how: str) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 255
    hurt: dict[str, bytes] = {"flip a byte": bytes(data), "cut": bytes(data[: len(data) // 2]), "empty": b""}
    if how == "delete":
        file.unlink()
    else:
        file.write_bytes(hurt[how])


def test_an_index_ahead_of_the_journal_or_with_other_items_is_built_again(
    left: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    assert len(reopened(left, items(), 4)) == len(LESSONS)
    assert "at version 5, ahead of the journal's 4" in caplog.text
    assert reopened(left, items(heat="Use the oven."), 4) == ["Use the oven."]
    assert "does not hold the items of version 4" in caplog.text


def test_what_a_process_left_that_died_is_cleared_away(left: Path, caplog: pytest.LogCaptureFixture) -> None:
    (sound,) = left.iterdir()
    sound.rename(left / "open-abc")
    assert len(reopened(left, items(), 5)) == len(LESSONS)
    assert "was not closed" in caplog.text and [path.name[:6] for path in left.iterdir()] == ["sound-"]


def test_two_at_once_each_have_their_own_and_one_is_left(left: Path) -> None:
    one, other = Index(left, HASHING), Index(left, HASHING)
    one.sync(items(), 5)
    other.sync(items(a="open the fridge"), 6)
    one.sync(items(b="close the door"), 7)
    assert (one.ids(), other.ids()) == ({"b"}, {"a"})
    one.close()
    other.close()
    assert len(list(left.iterdir())) == 1
    assert reopened(left, items(b="close the door"), 7) == ["close the door"]


def test_an_index_that_cannot_be_built_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("a file in the way")
    with pytest.raises(KnowhowError, match="cannot be built") as error:
        Index(tmp_path / "index", HASHING).sync(items(), 1)
    assert "\n" not in str(error.value) and (tmp_path / "index").read_text() == "a file in the way"


def test_each_embedder_has_its_own_collection(left: Path) -> None:
    small = Index(left, load_embedder("hashing:64"))
    small.sync(items(), 5)
    assert small.search(LESSONS["heat"], 1)[0][0] == "heat"
    small.close()
    assert reopened(left, items(), 5) == []
