"""The novice learns in worlds that nothing was written for, and its memory is the reason."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest

from knowhow.agents.novice.answers import Answers, answer, answers_of, worded
from knowhow.agents.novice.attempts import Done
from knowhow.agents.novice.habits import ANYTHING, Habits, direct, habits_of
from knowhow.agents.novice.lessons import better, read_lesson
from knowhow.agents.novice.operations import answers
from knowhow.agents.novice.plans import plan_of
from knowhow.agents.novice.seen import named, seen_of
from knowhow.agents.novice.wordings import matched
from knowhow.evals import learn
from knowhow.evals.settings import Settings

HERE = Path(__file__).parent


def evolved(suite: str, folder: Path) -> dict[str, Any]:
    return asyncio.run(
        learn.start(Settings(suite=suite, memory="playbook", episodes=60, rounds=3, validation=20), folder)
    )


@pytest.mark.parametrize("suite", ["seabed.py:Seabed", "ledger.py:Ledger", "archive.py:Archive"])
def test_it_learns_where_its_memory_is_the_reason(suite: str, tmp_path: Path) -> None:
    result = evolved(f"{HERE}/{suite}", tmp_path / "run")
    assert result["after"]["success_rate"] >= result["before"]["success_rate"] + 0.4
    assert result["withheld"]["success_rate"] == result["before"]["success_rate"]


def test_things_of_the_goal_are_as_many_words_as_stand_together() -> None:
    texts = ["A red ball 3 ahead. A red key. A ball.", "A blue key 1 to the left."]
    assert named("put the red ball next to the blue key", texts) == {"a": "red ball", "b": "blue key"}
    assert named("wait and see", texts) == {}
    assert named("Find the key.", ["Find the key. It is dark."]) == {}


def test_what_is_seen_is_how_it_stands_with_the_things_of_the_goal() -> None:
    slots = {"a": "red ball", "b": "key"}
    seen = seen_of("You see a red ball 3 ahead and 1 to the left; a key 2 ahead. You carry a red ball.", slots)
    assert seen == ["You see {a} over 2 ahead and 1 to left", "{b} 2 ahead", "You carry {a}"]
    assert seen_of("It is dark.", slots) == ["nothing of it"]
    assert seen_of('It is "dark".', {}) == ["It is 'dark'."]
    assert seen_of("long " * 100, {}) == []


def test_detours_teach_nothing() -> None:
    steps = [Done(command, "", (), before) for command, before in [("a", "1"), ("b", "2"), ("c", "1"), ("d", "3")]]
    assert [step.command for step in direct(steps)] == ["c", "d"]


def test_habits_survive_being_written_and_read_and_grow() -> None:
    steps = [Done("left", "", (), "A cup 1 to the left."), Done("take", "", (), "A cup here.")]
    habits = habits_of("find the cup", steps)
    assert habits is not None
    assert habits.rows == {
        ANYTHING: {"left": 1, "take": 1},
        "{a} 1 to left": {"left": 1},
        "{a} here": {"take": 1},
    }
    assert read_lesson(str(habits)) == habits
    twice = better(habits, habits)
    assert isinstance(twice, Habits) and twice.rows["{a} here"] == {"take": 2}
    near, far = (habits.worth(command, ["{a} here"], 3) for command in ("take", "left"))
    assert near > far > habits.worth("wait", ["{a} here"], 3)


def test_a_plan_speaks_of_several_things_in_quotes_as_the_goal_does() -> None:
    steps = [Done('ask(text="who owns name, Bob")', "x", ("tell()",)), Done("tell()", "")]
    plan = plan_of('Tell the names of "Bob"', steps)
    assert plan is not None and read_lesson(str(plan)) == plan
    assert (plan.pattern, plan.steps) == ("Tell the {a}s of '{b}'", ('ask(text="who owns {a}, {b}")', "tell()"))
    assert matched(plan, 'Tell the prices of "Eve"') == {"a": "price", "b": "eve"}
    whole = plan_of("Show the owner of Bob", [Done('ask(text="owner_id of Bob")', "")])
    assert whole is not None and whole.steps == ('ask(text="owner_id of {a}")',)


def test_operations_are_general_and_exact() -> None:
    made = answers('How often is "an" in "a banana and 3 + 4 * 0.5"?')
    assert made["how often the first quoted text stands in the last"] == "3"
    assert made["the value of the expression"] == "5"
    made = answers("Continue: 2, 6, 18, 54, ...")
    assert made["the next after equal factors of its numbers"] == "162"
    assert made["the greatest common divisor of its numbers"] == "2"
    assert "the next after equal differences of its numbers" not in made
    assert answers("Spell: cart")["the letters of the last word, last first"] == "trac"


@pytest.mark.parametrize(
    "odd", ["", "?", "9" * 500, "1/0 + 1/0", "((((", "1" + "+1" * 5000, "9**9**9", '"" ""', "- - 5"]
)
def test_whatever_is_asked_something_short_or_nothing_is_made_of_it(odd: str) -> None:
    assert all(0 < len(made) <= 200 for made in answers(odd).values())


def test_a_wrong_answer_rules_out_what_leads_to_it_and_a_right_one_is_kept() -> None:
    question, other = "Blend 4, 9 and 11 now.", "Blend 7, 2 and 30 now."
    wrong = answers_of(question, "24", right=False)
    right = answers_of(question, "11", right=True)
    assert wrong is not None and right is not None
    assert wrong.tried["the sum of its numbers"] == (0, 1) and right.tried["the largest of its numbers"] == (1, 1)
    record = better(wrong, right)
    assert isinstance(record, Answers) and read_lesson(str(record)) == record
    given = {answer(other, (Answers(record.wording, record.tried, "str-00001"),), Random(n)) for n in range(20)}
    assert given <= {("30", "str-00001")}
    assert len({answer(other, (), Random(n)) for n in range(20)}) > 3


def test_a_wording_leaves_open_what_changes() -> None:
    assert worded('Count "b" in "bob": 12, 5, 7 apples!') == "Count ... in ...: #!"
    assert worded("Spell this: cart") == worded("Spell this: horse")
