"""How answers are graded: each way against right, nearly right and wrong ones."""

import pytest

from knowhow.environments.discover import build, names
from knowhow.environments.errors import BadSetting
from knowhow.environments.gradings.f1 import F1
from knowhow.environments.gradings.numeric import Numeric
from knowhow.environments.question import Question

GRADINGS = "knowhow.environments.gradings"
TREES = ("oak", "ash", "an elm")


def test_gradings_are_found_by_their_file_names() -> None:
    assert {"exact", "numeric", "choice", "f1"} <= set(names(GRADINGS))


@pytest.mark.parametrize(
    ("grading", "right", "given", "reward"),
    [
        ("exact", "New York", "  new \n york. ", 1),
        ("exact", "New York", "York", 0),
        ("numeric", "1200", "1,200.0", 1),
        ("numeric", "#### 1,200", "It is $1200", 1),
        ("numeric", "0.75", "3/4", 1),
        ("numeric", "6000", "6e3", 1),
        ("numeric", "-4", "−4", 1),
        ("numeric", "-4", "4", 0),
        ("numeric", "4", "10-4", 1),
        ("numeric", "50", "50%", 1),
        ("numeric", "18", "first 17, then 18", 1),
        ("numeric", "18", "18, or rather 17", 0),
        ("numeric", "18", "eighteen", 0),
        ("numeric", "18", "18/0", 0),
        ("numeric", "100", "100.5", 0),
        ("numeric(tolerance=0.01)", "100", "100.5", 1),
        ("choice", "ash", "B", 1),
        ("choice", "ash", "(b)", 1),
        ("choice", "ash", "B. ash", 1),
        ("choice", "ash", "Ash.", 1),
        ("choice", "B", "ash", 1),
        ("choice", "ash", "B. oak", 0),
        ("choice", "ash", "D", 0),
        ("choice", "an elm", "An elm", 1),
        ("choice", "an elm", "a", 0),
        ("choice", "ash", "oak or ash", 0),
        ("f1", "the Pacific Ocean", "pacific ocean!", 1),
        ("f1", "Pacific Ocean", "Indian Ocean", 0.5),
        ("f1", "Pacific", "in the Pacific", 2 / 3),
        ("f1", "Pacific", "", 0),
        ("f1", "Pacific", "Indian", 0),
    ],
)
def test_an_answer_gets_what_it_is_worth(grading: str, right: str, given: str, reward: float) -> None:
    question = Question("Which?", right, choices=TREES)
    assert build(GRADINGS, grading)(question, given) == pytest.approx(reward)


def test_repeating_a_word_does_not_raise_f1() -> None:
    question = Question("Which?", "Pacific Ocean")
    assert F1()(question, "ocean ocean ocean") < F1()(question, "ocean")


def test_a_right_answer_that_is_no_number_is_a_bad_setting() -> None:
    with pytest.raises(BadSetting, match="'Paris' is no number"):
        Numeric()(Question("Which?", "Paris"), "7")
