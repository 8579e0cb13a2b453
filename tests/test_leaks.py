"""The leakage guard: what was planted is found, and what is clean is not accused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import program
import pytest
from runs import COTTAGE, small

from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Split, Suite, Task
from knowhow.evals import learn, run
from knowhow.evals.folder import RunFolder
from knowhow.evals.leaks.copies import Known
from knowhow.evals.leaks.guard import between_splits, in_data, in_memory, refuse_copies
from knowhow.evals.settings import Settings
from knowhow.evals.stage import open_suite
from knowhow.evals.tasks import ordered
from knowhow.memory.embed import load_embedder
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Op

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def sentence(dice: Random, words: int = 14) -> str:
    return " ".join("".join(dice.choices(LETTERS, k=dice.randint(2, 8))) for _ in range(words))


class Questions(Suite):
    """One-turn questions of random words; so many of the test ones are reworded training ones."""

    name = "questions"

    def __init__(self, copies: int = 0, seed: int = 0) -> None:
        dice = Random(seed)
        goals = {split: [sentence(dice) for _ in range(100)] for split in ("train", "validation", "test")}
        for place in range(copies):
            goals["test"][place] = f"{goals['train'][place * 3].upper()} please?"
        self._goals = goals

    def tasks(self, split: Split) -> Sequence[Task]:
        return [Task(f"{split}-{n}", self.name, split, "q", goal) for n, goal in enumerate(self._goals[split])]

    def open(self, task: Task, *, seed: int) -> Any:
        raise NotImplementedError


def test_planted_copies_between_splits_are_found() -> None:
    found = asyncio.run(between_splits(Questions(copies=4), "test"))
    assert found["leak"] and found["copies"] == 4 and found["train_copies"] == 0
    assert {one["like"] for one in found["found"]} == {"train-0", "train-3", "train-6", "train-9"}
    with pytest.raises(BadSetting, match=r"4 of 100 test tasks .* --allow-leaks"):
        refuse_copies(found, "questions")


def test_clean_splits_are_not_accused() -> None:
    for seed in range(5):
        assert not asyncio.run(between_splits(Questions(seed=seed), "test"))["leak"]
    for name in ("household", "sql", "bash", "code", "qa"):
        for split in ("validation", "test"):
            assert not asyncio.run(between_splits(open_suite(name), split, 100))["leak"], (name, split)


def test_goals_from_templates_say_nothing() -> None:
    found = asyncio.run(between_splits(open_suite(f"{Path(__file__).with_name('archive.py')}:Archive"), "validation"))
    assert found["copies"] > 30 and not found["tells"] and not found["leak"]


def test_what_is_seen_at_the_start_makes_tasks_of_one_goal_different() -> None:
    suite = open_suite("household")
    goals = asyncio.run(between_splits(suite, "validation", 30))
    opened = asyncio.run(between_splits(suite, "validation", 30, opened=True))
    assert goals["copies"] > 10 and opened["copies"] < goals["copies"] and not opened["leak"]


def test_a_text_is_found_again_whole_in_parts_and_in_other_words() -> None:
    known = Known({"a": "Which river runs through the oldest town of the valley?", "b": "count the blue marbles twice"})
    told = known.in_("note", "Remember: which RIVER runs through the oldest town of the valley, it asks.")
    assert [(copy.of, copy.by) for copy in told] == [("a", "shared words")]
    assert known.in_("note", "count the blue marbles TWICE!")[0].by == "the same text"
    assert known.in_("note", "rivers run through valleys, and marbles are blue") == []
    scattered = "the blue marbles are twice as many. " * 3 + "nothing here. " * 9 + "count the blue cups"
    assert known.in_("note", scattered) == [], "words that stand far apart are no copy"
    reworded = Known({"b": "count the blue marbles twice"}, load_embedder("hashing"))
    assert [copy.by for copy in reworded.in_("note", "twice count the blue marbles")] == ["embedding"]


def test_a_test_goal_in_memory_or_in_training_data_is_found_and_a_training_goal_is_not() -> None:
    suite = Questions()
    measured = ordered(suite, "test", 0)[:50]
    items = [Item(f"str-{n}", "lesson", f"For the task '{task.goal}' say yes.") for n, task in enumerate(measured[:3])]
    found = in_memory(items, measured, suite)
    assert {(copy.found, copy.of) for copy in found} == {(f"str-{n}", task.id) for n, task in enumerate(measured[:3])}
    clean = [Item(f"str-{n}", "lesson", f"It worked: {task.goal}") for n, task in enumerate(suite.tasks("train"))]
    assert in_memory(clean, measured, suite) == []
    hidden = Item("x", "case", "a case", data={"plan": measured[0].goal})
    assert [copy.of for copy in in_memory([hidden], measured, suite)] == [measured[0].id]


@pytest.fixture(scope="module")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("leaks") / "run"
    asyncio.run(learn.start(small(memory="playbook, cases, demonstrations"), folder))
    return folder


def test_a_clean_run_is_not_accused(evolved: Path) -> None:
    assert program.knowhow("leaks", evolved, "--json").told["leak"] is False
    asyncio.run(
        run.run(Settings(COTTAGE, split="test", memory=str(evolved), episodes=3), evolved.with_name("measured"))
    )


def test_memory_that_holds_a_test_goal_is_refused_and_may_be_allowed(tmp_path: Path) -> None:
    settings = replace(small(), suite="household", memory="playbook", episodes=4, rounds=1, validation=2)
    asyncio.run(learn.start(settings, tmp_path / "run"))
    goal = unique_goal()
    with Memory.open(tmp_path / "run") as memory:
        planted = {"kind": "lesson", "text": f"When asked to {goal}, look into the drawer."}
        memory.commit([Edit(Op.ADD, "str-09999", planted)], note="planted")
    asked = Settings("household", split="test", memory=str(tmp_path / "run"), episodes=60, budget_calls=0)
    with pytest.raises(BadSetting, match="str-09999"):
        asyncio.run(run.run(asked, tmp_path / "refused"))
    allowed = asyncio.run(run.run(replace(asked, allow_leaks=True), tmp_path / "allowed"))
    assert allowed["unfinished"] == 60
    said = program.knowhow("leaks", tmp_path / "run", "--tasks", "60")
    assert said.code == 1 and "str-09999" in said.out
    with RunFolder.open(tmp_path / "run", lock=False) as folder:
        taught = folder.episodes.find("train")
    told = replace(taught[0], task=replace(taught[0].task, goal=goal))
    assert in_data([told], ordered(open_suite("household"), "test", 0)[:60], open_suite("household"))


def unique_goal() -> str:
    """Of a test task among the first sixty, and of no training task."""
    suite = open_suite("household")
    trained = Known({task.id: task.goal for task in ordered(suite, "train", 0)[:2000]})
    return next(task.goal for task in ordered(suite, "test", 0)[:60] if not trained.in_("", task.goal))
