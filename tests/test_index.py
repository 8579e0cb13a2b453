"""The index: what is near is found, and it is whatever the journal says, whoever wrote and whatever was damaged."""

from __future__ import annotations

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
from knowhow.memory.index import Index
from knowhow.memory.storage.exact import Exact
from knowhow.memory.storage.vectors import slug
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


@pytest.fixture(params=[10_000, 0], ids=["in memory", "chroma"])
def index(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Index]:
    """An index of few items, and one that works as with very many."""
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


@pytest.mark.parametrize("exact", [10_000, 0])
def test_sync_adds_changes_and_deletes_and_embeds_only_new_texts(tmp_path: Path, exact: int) -> None:
    embed = Counting()
    index = Index(tmp_path / "index", embed, exact=exact)
    first = items(a="open the fridge", b="close the door", c="look twice")
    index.sync(first, 1)
    second = {"a": first["a"], "b": Item("b", "case", "close the door"), "d": Item("d", "lesson", "light the lamp")}
    index.sync(second, 2)
    assert (index.version, index.ids()) == (2, {"a", "b", "d"})
    assert sorted(embed.asked) == ["close the door", "light the lamp", "look twice", "open the fridge"]
    assert index.search("door", 1, {"kind": ["case"]})[0][0] == "b"
    index.sync({**second, "a": Item("a", "lesson", "heat the mug")}, 3, {"a"})
    assert index.search("heat the mug", 1) == [("a", pytest.approx(1, abs=1e-6))]
    index.sync({}, 4)
    assert (index.search("heat the mug"), index.ids()) == ([], set())
    index.close()


TEXTS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([*LESSONS.values(), ""]), max_size=6)
HISTORIES = st.lists(st.tuples(TEXTS, st.booleans()), min_size=1, max_size=5)


@pytest.mark.parametrize(("exact", "examples"), [(10_000, 25), (0, 8), (3, 8)], ids=["in memory", "chroma", "in turn"])
def test_after_any_changes_and_reopenings_it_is_as_if_built_at_once(
    tmp_path_factory: Any, exact: int, examples: int
) -> None:
    @settings(max_examples=examples)
    @given(HISTORIES)
    def holds(history: list[tuple[dict[str, str], bool]]) -> None:
        folder = tmp_path_factory.mktemp("indices")
        grown, built = Index(folder / "grown", HASHING, exact), Index(folder / "built", HASHING, exact)
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

    holds()


def test_near_duplicates_are_found_exactly(tmp_path: Path) -> None:
    texts = [f"Lesson {number}: look at thing {number % 7} twice." for number in range(600)]
    index = Index(tmp_path / "index", HASHING)
    index.sync(items(**{f"it-{number:03d}": text for number, text in enumerate(texts)}), 1)
    for number in range(0, 600, 50):
        assert index.search(texts[number], 1) == [(f"it-{number:03d}", pytest.approx(1, abs=1e-5))]
    index.close()


MARKS = {"kind": "lesson", "suite": "", "task_kind": "", "status": "active", "digest": ""}


def table(vectors: dict[str, NDArray[np.float32]], **marks: str) -> Exact:
    made = Exact()
    made.put({name: {**MARKS, **marks} for name in vectors}, np.stack(list(vectors.values())))
    return made


@given(st.integers(1, 12), st.integers(1, 12))
def test_exact_search_sorts_by_similarity_then_name(count: int, k: int) -> None:
    angles = {f"v{number}": math.radians(30 * (number % 6)) for number in range(count)}
    exact = table({name: np.array([math.cos(a), math.sin(a)], np.float32) for name, a in angles.items()})
    exact.mark({"v0": {**MARKS, "status": "retired"}})
    told = exact.nearest(np.array([1, 0], np.float32), k, {"status": ["active"]})
    assert told == sorted(told, key=lambda pair: (-pair[1], pair[0]))
    assert [name for name, _ in told] == sorted(angles.keys() - {"v0"}, key=lambda name: (angles[name], name))[:k]


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([1, 8, 300]), st.sampled_from(["random", "alike", "peaked", "empty"]))
def test_among_thousands_the_choice_by_copies_leaves_out_none_of_the_nearest(seed: int, k: int, shape: str) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((3_000, 32)).astype(np.float32)
    if shape == "alike":
        vectors = vectors[:1] + np.float32(1e-3) * vectors
    if shape == "peaked":
        vectors[:, 0] *= 300
    if shape == "empty":
        vectors[rng.random(len(vectors)) < 0.6] = 0
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    exact = table({f"v{number:04d}": vector for number, vector in enumerate(vectors)})
    exact.mark({f"v{number:04d}": {**MARKS, "kind": "case"} for number in range(0, 3_000, 7)})
    query = vectors[5] if shape == "alike" else rng.standard_normal(32).astype(np.float32)
    query = query / np.linalg.norm(query)
    true = np.einsum("ij,j->i", vectors, query).astype(np.float64).round(6).clip(-1, 1)
    wanted = sorted((-true[number], f"v{number:04d}") for number in range(3_000) if number % 7)[:k]
    told = exact.nearest(query, k, {"kind": ["lesson"]})
    assert told == [(name, -score) for score, name in wanted]


# --- An index that is not as it was left ---------------------------------------------------------------------------

MOST = {"in memory": 10_000, "chroma": 0}


@pytest.fixture(params=MOST)
def left(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, int]:
    """The folder of an index of the lessons at version 5, closed, and how many it holds in memory at most."""
    index = Index(tmp_path / "index", HASHING, MOST[request.param])
    index.sync(items(), 5)
    index.close()
    return tmp_path / "index", MOST[request.param]


def reopened(folder: Path, exact: int, texts: dict[str, Item], version: int) -> list[str]:
    """Sync an index in ``folder``, check that it then answers as it should, and give the texts it embedded for that."""
    embed = Counting()
    embed.name = HASHING.name
    index = Index(folder, embed, exact)
    index.sync(texts, version)
    made = list(embed.asked)
    assert index.version == version and index.ids() == texts.keys()
    for item in texts.values():
        assert index.search(item.text, 1) == [(item.id, pytest.approx(1, abs=1e-5))]
    index.close()
    return made


def test_an_index_that_was_closed_is_used_as_it_is(left: tuple[Path, int], caplog: pytest.LogCaptureFixture) -> None:
    assert reopened(*left, items(), 5) == []
    assert reopened(*left, items(**{**LESSONS, "new": "Light the lamp."}), 6) == ["Light the lamp."]
    assert reopened(*left, items(heat="Light the lamp."), 4) == []
    assert caplog.records == []


DAMAGES = ["flip a byte", "cut", "delete", "empty"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_never_believed_and_made_again(left: tuple[Path, int], damage: str) -> None:
    folder, exact = left
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.stat().st_size)
    names = {file.name for file in files}
    assert names >= {f"{slug(HASHING.name)}.db"} and (exact or {"data_level0.bin", "manifest.json"} <= names)
    for number, file in enumerate(files):
        copy = folder.with_name(f"copy-{number}")
        shutil.copytree(folder, copy)
        _hurt(copy / file.relative_to(folder), damage)
        assert set(reopened(copy, exact, items(), 5)) <= set(LESSONS.values())
        assert reopened(copy, exact, items(), 5) == []


@pytest.mark.parametrize("at", range(0, 16_384, 997))
def test_a_vector_that_changed_on_the_disk_is_made_again(tmp_path: Path, at: int) -> None:
    index = Index(tmp_path, HASHING)
    index.sync(items(), 1)
    index.close()
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    data[at] ^= 255
    file.write_bytes(bytes(data))
    reopened(tmp_path, 10, items(), 1)


def _hurt(file: Path, how: str) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 255
    hurt: dict[str, bytes] = {"flip a byte": bytes(data), "cut": bytes(data[: len(data) // 2]), "empty": b""}
    if how == "delete":
        file.unlink()
    else:
        file.write_bytes(hurt[how])


def test_what_a_process_left_that_died_is_cleared_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    index = Index(tmp_path, HASHING, 0)
    index.sync(items(), 5)
    index.close()
    (sound,) = (tmp_path / "chroma").iterdir()
    sound.rename(sound.with_name("open-abc"))
    assert reopened(tmp_path, 0, items(), 5) == []
    assert "was not closed" in caplog.text
    assert [path.name[:6] for path in (tmp_path / "chroma").iterdir()] == ["sound-"]


def test_of_two_at_once_one_has_chroma_and_both_are_right(left: tuple[Path, int]) -> None:
    folder, exact = left
    one, other = Index(folder, HASHING, exact), Index(folder, HASHING, exact)
    one.sync(items(), 5)
    other.sync(items(a="open the fridge"), 6)
    one.sync(items(b="close the door"), 7)
    assert (one.ids(), other.ids()) == ({"b"}, {"a"})
    assert one.search("close the door", 1)[0][0] == "b" and other.search("close the door", 1)[0][0] == "a"
    assert len(list(folder.glob("chroma/open-*"))) == (0 if exact else 1)
    one.close()
    other.close()
    assert reopened(folder, exact, items(a="open the fridge", b="close the door"), 7) == []


def test_an_index_that_cannot_be_built_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("a file in the way")
    for exact in MOST.values():
        with pytest.raises(KnowhowError) as error:
            Index(tmp_path / "index", HASHING, exact).sync(items(), 1)
        assert "\n" not in str(error.value) and str(tmp_path / "index") in str(error.value)
    assert (tmp_path / "index").read_text() == "a file in the way"


def test_each_embedder_has_its_own_vectors(left: tuple[Path, int]) -> None:
    folder, exact = left
    small = Index(folder, load_embedder("hashing:64"), exact)
    small.sync(items(), 5)
    assert small.search(LESSONS["heat"], 1)[0][0] == "heat"
    small.close()
    assert reopened(folder, exact, items(), 5) == []
