"""The suite ``reasoning``: reasoning-gym's questions and scorers."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from processes import run

from knowhow.environments.check import assert_conforms
from knowhow.environments.discover import build
from knowhow.environments.errors import BadSetting, UnknownName
from knowhow.environments.suites.reasoning import Reasoning
from knowhow.environments.types import SPLITS

pytestmark = [
    pytest.mark.worlds,
    pytest.mark.skipif(
        importlib.util.find_spec("reasoning_gym") is None, reason="pip install 'knowhow-agents[worlds]'"
    ),
]


def test_several_generators_make_a_suite_in_turn() -> None:
    suite = Reasoning("chain_sum(min_terms=4, max_terms=5), leg_counting", size=30)
    assert [len(suite.tasks(split)) for split in SPLITS] == [30, 10, 10]
    assert [task.kind for task in suite.tasks("test")[:4]] == ["chain_sum", "leg_counting"] * 2
    assert_conforms(suite)


def test_no_question_is_in_two_splits_even_where_there_are_few() -> None:
    suite = Reasoning("coin_flip", size=60)
    goals = [task.goal for split in SPLITS for task in suite.tasks(split)]
    assert len(set(goals)) == len(goals) > 20


def test_questions_are_the_same_at_every_look_and_others_with_another_seed() -> None:
    one, again, other = Reasoning("gcd", size=9), Reasoning("gcd", size=9), Reasoning("gcd", size=9, seed=1)
    assert list(one.tasks("train")) == list(again.tasks("train"))
    assert not {task.goal for task in one.tasks("train")} & {task.goal for task in other.tasks("train")}


async def test_the_scorer_takes_any_right_answer_and_gives_little_for_a_wrong_one() -> None:
    suite = Reasoning("countdown", size=3)
    question = suite.questions("test")[0]
    assert await suite.grade(question, question.answer) == 1.0
    assert await suite.grade(question, f"({question.answer})") == 1.0
    assert await suite.grade(question, "1 + 1") < 0.1


def test_where_only_the_scorer_knows_there_is_no_oracle() -> None:
    suite = Reasoning("rubiks_cube", size=3)
    assert suite.oracle(suite.tasks("test")[0], seed=0) is None


@pytest.mark.parametrize("generator", ["countdown", "n_queens"])
async def test_an_answer_that_would_run_as_python_does_no_harm(generator: str, tmp_path: Path) -> None:
    suite = Reasoning(generator, size=3)
    question = suite.questions("test")[0]
    mark = tmp_path / "mark"
    for attack in (
        f"__import__('os').system('touch {mark}')",
        f"open('{mark}', 'w').write('x')",
        f"__import__('subprocess').run(['touch', '{mark}'])",
        f"__import__('pathlib').Path('{mark}').touch()",
        f"__import__('os').kill({os.getpid()}, 9)",
        "[0] * 10**12",
        "__import__('os')._exit(0)",
    ):
        assert await suite.grade(question, attack) < 0.1
    assert not mark.exists()


@pytest.mark.slow
async def test_an_answer_that_takes_for_ever_is_a_wrong_one() -> None:
    suite = Reasoning("n_queens", size=3)
    assert await suite.grade(suite.questions("test")[0], "9**9**9**9") == 0.0


def test_what_is_no_generator_or_setting_is_told() -> None:
    with pytest.raises(UnknownName, match="'leg_count'; did you mean leg_counting"):
        Reasoning("leg_count").tasks("train")
    with pytest.raises(BadSetting, match="chain_sum does not take"):
        Reasoning("chain_sum(terms=3)").tasks("train")
    with pytest.raises(BadSetting, match="names no generator"):
        Reasoning("")
    with pytest.raises(BadSetting, match="size=2"):
        build("knowhow.environments.suites", "reasoning(size=2)")


def test_where_it_is_missing_the_suite_says_what_to_install() -> None:
    program = """
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in MISSING else found(name, *rest)
from knowhow.environments.discover import build
from knowhow.environments.errors import MissingExtra
for name in ("reasoning", "gymnasium", "textworld", "scienceworld"):
    suite = build("knowhow.environments.suites", name)
    try:
        suite.tasks("train")
    except MissingExtra as error:
        print(suite.name, suite.extra, error)
"""
    missing = "MISSING = ('reasoning_gym', 'gymnasium', 'textworld', 'scienceworld')"
    told = run(missing + program).splitlines()
    assert len(told) == 4
    assert all("worlds" in line and "pip install 'knowhow-agents[worlds]'" in line for line in told)
