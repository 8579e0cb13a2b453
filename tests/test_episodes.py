"""Episodes and their JSON: what is put is got back whole, whatever was said in it."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import string
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowhow.environments.errors import KnowhowError, MemoryDamaged, UnknownName
from knowhow.environments.types import SPLITS, Feedback, Step, StopReason, Task, ToolCall, Trajectory, Usage
from knowhow.memory.codec import decode, encode
from knowhow.memory.episodes import Episodes
from knowhow.memory.types import Edit, Item, Op, Status, Trust

TEXT = st.text(max_size=12)
NUMBER = st.floats(allow_nan=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=3)
NAMES = st.lists(TEXT, max_size=3).map(tuple)
COUNT = st.integers(0, 2**40)

TASKS = st.builds(Task, TEXT, TEXT, st.sampled_from(SPLITS), TEXT, TEXT)
FEEDBACK = st.builds(Feedback, TEXT, NUMBER, st.booleans(), st.booleans(), st.none() | NAMES)
CALLS = st.none() | st.builds(ToolCall, TEXT, OBJECT)
INNER = st.lists(st.builds(Step, CALLS, FEEDBACK), max_size=2).map(tuple)
STEPS = st.builds(Step, CALLS, FEEDBACK, TEXT, INNER)
USAGE = st.builds(Usage, COUNT, COUNT, COUNT, COUNT, NUMBER)
TRAJECTORIES = st.builds(
    Trajectory,
    id=TEXT,
    task=TASKS,
    seed=st.integers(),
    first=FEEDBACK,
    steps=st.lists(STEPS, max_size=3).map(tuple),
    messages=st.lists(OBJECT, max_size=3).map(tuple),
    reward=st.none() | NUMBER,
    stop=st.sampled_from(StopReason),
    error=TEXT,
    shown=NAMES,
    withheld=NAMES,
    cited=NAMES,
    model=TEXT,
    method=TEXT,
    memory_version=COUNT,
    attempts=COUNT,
    usage=USAGE,
    seconds=NUMBER,
)
ITEMS = st.builds(
    Item,
    TEXT,
    TEXT,
    TEXT,
    OBJECT,
    TEXT,
    TEXT,
    TEXT,
    NAMES,
    NAMES,
    st.sampled_from(Trust),
    st.sampled_from(Status),
    COUNT,
    COUNT,
    COUNT,
    st.none() | st.dictionaries(TEXT, NUMBER, max_size=3),
)
EDITS = st.builds(Edit, st.sampled_from(Op), TEXT, OBJECT, TEXT)

WORDS = st.text(string.ascii_lowercase, min_size=1)


def episode(number: int = 1, **changes: Any) -> Trajectory:
    task = Task(f"task-{number}", "household", "train", "clean", "put a clean mug on a shelf")
    step = Step(ToolCall("act", {"command": "go to shelf 1"}), Feedback("You see a mug.", 1.0, terminated=True), "So.")
    whole = Trajectory(
        f"ep-{number}",
        task,
        number,
        Feedback("You are in a room."),
        (step,),
        ({"role": "user", "content": "Go."},),
        reward=1.0,
        shown=("it-1", "it-2"),
        withheld=("it-3",),
        cited=("it-1",),
        model="novice",
        memory_version=3,
        usage=Usage(1, 20, 0, 5, 0.1),
        seconds=0.5,
    )
    return replace(whole, **changes)


@pytest.fixture
def episodes(tmp_path: Path) -> Iterator[Episodes]:
    with Episodes.open(tmp_path / "run", create=True) as episodes:
        yield episodes


# --- As JSON --------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.one_of(TRAJECTORIES, ITEMS, EDITS))
def test_every_value_comes_back_from_json_as_it_was(value: Any) -> None:
    assert repr(decode(type(value), json.loads(json.dumps(encode(value))))) == repr(value)


@settings(max_examples=40)
@given(TRAJECTORIES, WORDS, JSON)
def test_fields_of_a_later_program_are_ignored_and_missing_ones_take_their_default(
    whole: Trajectory, name: str, value: Any
) -> None:
    data = encode(whole)
    data[f"new {name}"] = data["task"][f"new {name}"] = data["usage"][f"new {name}"] = value
    assert decode(Trajectory, data) == whole
    del data["usage"], data["messages"]
    assert decode(Trajectory, data) == replace(whole, usage=Usage(), messages=())


WRONG_DATA = {
    "task: kind: 3 is no str": lambda data: data["task"].update(kind=3),
    "split: 'dev' is none of train": lambda data: data["task"].update(split="dev"),
    "seed: True is no int": lambda data: data.update(seed=True),
    "reward: '1' is no float": lambda data: data.update(reward="1"),
    "stop: 'tired' is not a valid StopReason": lambda data: data.update(stop="tired"),
    "shown: 'shr-1' is no list": lambda data: data.update(shown="shr-1"),
    "messages: [] is no mapping": lambda data: data.update(messages=[[]]),
    "task: None is no Task": lambda data: data.update(task=None),
    "a Trajectory lacks seed": lambda data: data.pop("seed"),
}


@pytest.mark.parametrize("said", WRONG_DATA)
def test_a_wrong_type_is_named(said: str) -> None:
    data = encode(episode())
    WRONG_DATA[said](data)
    with pytest.raises(ValueError) as wrong:
        decode(Trajectory, data)
    assert said in str(wrong.value)


def test_what_json_has_no_word_for_is_kept_as_its_text(episodes: Episodes) -> None:
    odd = ToolCall("act", {"x": b"raw", "y": {3: {"z"}}, "cut": "half \ud83d"})
    episodes.put(episode(steps=(Step(odd, Feedback("?", float("inf"))),)), phase="train", round=0, index=0)
    (step,) = episodes.get("ep-1").steps
    assert step.call == ToolCall("act", {"x": "b'raw'", "y": {"3": "{'z'}"}, "cut": "half \ud83d"})
    assert step.feedback.reward == float("inf")


# --- On disk --------------------------------------------------------------------------------------------------------


def test_an_episode_comes_back_whole(episodes: Episodes, tmp_path: Path) -> None:
    episodes.put(episode(), phase="train", round=0, index=0)
    assert episodes.get("ep-1") == episode()
    with Episodes.open(tmp_path / "run") as others:
        assert others.get("ep-1") == episode()
    with pytest.raises(UnknownName, match="no episode 'ep-2'"):
        episodes.get("ep-2")


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.sampled_from(["train", "after"]), st.integers(0, 1), st.integers(0, 3), TRAJECTORIES), max_size=8
    )
)
def test_the_last_episode_put_at_a_place_is_found_there_in_order(tmp_path_factory: Any, puts: list[Any]) -> None:
    with Episodes.open(tmp_path_factory.mktemp("runs"), create=True) as episodes:
        places = {}
        for phase, round, index, whole in puts:
            episodes.put(whole, phase=phase, round=round, index=index)
            places[phase, round, index] = whole
        assert repr(episodes.find()) == repr([places[place] for place in sorted(places)])
        for phase, round in {place[:2] for place in places}:
            there = sorted(place for place in places if place[:2] == (phase, round))
            assert repr(episodes.find(phase, round)) == repr([places[place] for place in there])
            assert [s.index for s in episodes.summaries(phase, round)] == [index for _, _, index in there]
        assert repr(episodes.find(round=1)) == repr([places[place] for place in sorted(places) if place[1] == 1])


def test_a_summary_tells_everything_but_what_was_said(episodes: Episodes) -> None:
    episodes.put(episode(7, reward=None, stop=StopReason.ERROR, error="no steam"), phase="before", round=2, index=9)
    (summary,) = episodes.summaries()
    assert (summary.id, summary.phase, summary.round, summary.index) == ("ep-7", "before", 2, 9)
    assert (summary.task, summary.suite, summary.kind, summary.split) == ("task-7", "household", "clean", "train")
    assert (summary.reward, summary.stop, summary.error, summary.steps) == (None, StopReason.ERROR, "no steam", 1)
    assert (summary.shown, summary.withheld, summary.cited) == (("it-1", "it-2"), ("it-3",), ("it-1",))
    assert (summary.usage, summary.seconds, summary.model, summary.memory_version) == (
        Usage(1, 20, 0, 5, 0.1),
        0.5,
        "novice",
        3,
    )


def test_an_id_that_was_put_twice_gives_the_later_one(episodes: Episodes) -> None:
    episodes.put(episode(reward=0.0), phase="train", round=1, index=0)
    episodes.put(episode(reward=0.5), phase="train", round=0, index=0)
    assert episodes.get("ep-1").reward == 0.5


def test_every_acknowledged_episode_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import conftest, sys; from knowhow.memory.episodes import Episodes; from test_episodes import episode\n"
        "with Episodes.open(sys.argv[1], create=True) as episodes:\n"
        "    for number in range(10**6):\n"
        "        episodes.put(episode(number), phase='train', round=0, index=number); print(number, flush=True)"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")],
        cwd=Path(__file__).parent,
        text=True,
        stdout=subprocess.PIPE,
    )
    assert writer.stdout
    acknowledged = [int(writer.stdout.readline()) for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged += [int(line) for line in writer.communicate()[0].splitlines()]
    with Episodes.open(tmp_path / "run") as episodes:
        found = episodes.find("train", 0)
        assert [whole.seed for whole in found][: len(acknowledged)] == acknowledged
        assert found[-1] == episode(len(found) - 1) and len(found) - len(acknowledged) <= 1


def test_what_is_no_episode_store_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MemoryDamaged, match="there is no episode store"):
        Episodes.open(tmp_path)
    (tmp_path / "episodes.db").write_text("no database")
    with pytest.raises(MemoryDamaged, match="is no episode store"):
        Episodes.open(tmp_path, create=True)
    (tmp_path / "episodes.db").unlink()
    with Episodes.open(tmp_path, create=True) as episodes:
        episodes.put(episode(), phase="train", round=0, index=0)
        for broken in ("body = x'00'", "summary = '{}'"):
            with sqlite3.connect(tmp_path / "episodes.db") as connection:
                connection.execute(f"UPDATE episodes SET {broken}")
            connection.close()
        for ask in (episodes.find, episodes.summaries):
            with pytest.raises(MemoryDamaged, match=r"an episode in .* is damaged"):
                ask()


def test_a_write_that_the_system_cuts_short_leaves_the_others_whole(episodes: Episodes) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    put = 0
    try:
        with pytest.raises(KnowhowError, match="the disk failed") as full:
            for put in range(10_000):
                episodes.put(episode(put, error=os.urandom(2000).hex()), phase="train", round=0, index=put)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(full.value)
    assert [whole.seed for whole in episodes.find()] == list(range(put))
    episodes.put(episode(put), phase="train", round=0, index=put)
    assert len(episodes.summaries()) == put + 1
