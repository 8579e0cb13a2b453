"""The suite ``qa``: questions from files of every kind, their splits, and what is told of what is no question."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from processes import run

from knowhow.environments.check import assert_conforms
from knowhow.environments.discover import build
from knowhow.environments.errors import BadSetting, MissingExtra, UnknownName
from knowhow.environments.question import Question
from knowhow.environments.question_rows import Accepted
from knowhow.environments.records import read_rows
from knowhow.environments.suites.qa import Qa
from knowhow.environments.types import SPLITS, Split, ToolCall

ROWS = [{"question": f"What is {n} times {n}?", "answer": n * n, "kind": "square"} for n in range(40)]


def jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def asked(suite: Qa) -> dict[Split, set[str]]:
    return {split: {task.goal for task in suite.tasks(split)} for split in SPLITS}


async def answer(suite: Qa, text: str, split: Split = "test", at: int = 0) -> float:
    async with suite.open(suite.tasks(split)[at], seed=0) as env:
        await env.reset()
        return (await env.step(ToolCall("answer", {"text": text}))).reward


def test_without_a_file_it_asks_a_few_of_our_own_and_is_a_suite() -> None:
    assert sum(map(len, asked(Qa()).values())) == 75
    assert_conforms(Qa(), tasks_per_split=20)


def test_a_file_makes_a_suite(tmp_path: Path) -> None:
    suite = Qa(jsonl(tmp_path / "squares.jsonl", ROWS), grading="numeric", name="squares")
    assert_conforms(suite)
    task = suite.tasks("train")[0]
    assert (task.suite, task.kind) == ("squares", "square")


def test_a_shared_file_gives_each_question_to_one_split_whatever_stands_around_it(tmp_path: Path) -> None:
    whole = asked(Qa(jsonl(tmp_path / "whole.jsonl", ROWS)))
    assert sum(map(len, whole.values())) == 40 and all(whole.values()) and len(whole["train"]) > 15
    turned = asked(Qa(jsonl(tmp_path / "turned.jsonl", ROWS[:5:-1] + ROWS[6:20])))
    assert all(turned[split] <= whole[split] for split in SPLITS)
    assert asked(Qa(str(tmp_path / "whole.jsonl"), seed=1)) != whole


def test_what_is_asked_twice_in_a_split_has_all_answers_that_are_right(tmp_path: Path) -> None:
    rows = [{"question": "2+2?", "answer": said} for said in ("4", "four", "4")]
    suite = Qa(train=jsonl(tmp_path / "train.jsonl", rows), data=jsonl(tmp_path / "data.jsonl", ROWS))
    (question,) = suite.questions("train")
    assert isinstance(question, Accepted) and question.accepted == ("4", "four")
    odd = jsonl(tmp_path / "odd.jsonl", [{"question": "2+2?", "answer": {"text": "4"}}])
    with pytest.raises(BadSetting, match=r"line 1: the answer .* is an object; name a field"):
        Qa(odd).tasks("train")
    assert sum(len(Qa(odd, answer="answer.text").tasks(split)) for split in SPLITS) == 1


def test_what_the_test_split_asks_is_asked_in_no_other(tmp_path: Path) -> None:
    test = jsonl(tmp_path / "test.jsonl", ROWS[:10])
    suite = Qa(jsonl(tmp_path / "all.jsonl", ROWS), test=test)
    questions = asked(suite)
    assert questions["test"] == {row["question"] for row in ROWS[:10]}
    assert not questions["test"] & (questions["train"] | questions["validation"])
    assert len(questions["train"]) + len(questions["validation"]) == 30


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
async def test_tables_are_read(suffix: str, tmp_path: Path) -> None:
    between = {"csv": ",", "tsv": "\t"}[suffix]
    lines = [between.join(("text", "gold")), *(between.join((f'"{n}, twice?"', str(2 * n))) for n in range(30))]
    path = tmp_path / f"table.{suffix}"
    path.write_text("\ufeff" + "\n".join(lines))
    suite = Qa(str(path), question="text", answer="gold")
    task = suite.tasks("test")[0]
    assert task.goal.endswith(", twice?")
    assert await answer(suite, str(2 * int(task.goal.split(",")[0]))) == 1.0


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="pip install 'knowhow-agents[data]'")
def test_parquet_is_read_and_a_broken_file_is_told(tmp_path: Path) -> None:
    from pyarrow import Table, parquet

    path = tmp_path / "table.parquet"
    parquet.write_table(Table.from_pylist(ROWS), path)
    assert asked(Qa(str(path))) == asked(Qa(jsonl(tmp_path / "same.jsonl", ROWS)))
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(BadSetting, match=r"table\.parquet is no Parquet file"):
        Qa(str(path)).tasks("train")


def test_without_pyarrow_it_is_told_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "table.parquet").touch()
    program = f"""
import sys
sys.modules["pyarrow"] = sys.modules["datasets"] = None
from knowhow.environments.errors import MissingExtra
from knowhow.environments.suites.qa import Qa
for source in ({str(tmp_path / "table.parquet")!r}, "hf:openai/gsm8k/main#test"):
    try:
        Qa(source).tasks("train")
    except MissingExtra as error:
        print(error)
"""
    assert run(program).count("pip install 'knowhow-agents[data]'") == 2


def test_choices_are_shown_with_letters_and_taken_by_letter_place_or_text(tmp_path: Path) -> None:
    rows: list[Mapping[str, Any]] = [
        {"stem": "Which is a tree?", "options": {"text": ["oak", "carp"]}, "key": "A"},
        {"stem": "Which is a fish?", "options": {"text": ["oak", "carp"]}, "key": 1},
        {"stem": "Which swims?", "options": {"text": ["oak", "carp"]}, "key": "carp"},
    ]
    source = jsonl(tmp_path / "choices.jsonl", rows)
    suite = Qa(source, test=source, question="stem", answer="key", choices="options.text")
    assert [question.answer for question in suite.questions("test")] == ["oak", "carp", "carp"]
    assert suite.tasks("test")[0].goal == "Which is a tree?\nA. oak\nB. carp"
    assert not suite.tasks("train"), "every question is in the test split"


async def test_several_answers_may_be_right(tmp_path: Path) -> None:
    rows = [{"question": f"{n}?", "answers": {"text": ["one", "two"]}} for n in range(20)]
    suite = Qa(jsonl(tmp_path / "several.jsonl", rows), answer="answers.text", grading="f1")
    assert [await answer(suite, text) for text in ("one", "Two.", "three")] == [1, 1, 0]


JUDGE = """
async def lenient(question, answer):
    return 1.0 if answer.startswith(question.answer[0]) and "times" in question.text else 0.25
"""


async def test_a_grading_of_ones_own_may_take_its_time(tmp_path: Path) -> None:
    (tmp_path / "judge.py").write_text(JUDGE + "\ndef make():\n    return lenient\n")
    source = jsonl(tmp_path / "squares.jsonl", ROWS)
    suite = build("knowhow.environments.suites", f"qa(data={source!r}, grading='{tmp_path / 'judge.py'}:make')")
    right = suite.questions("test")[0].answer
    assert await answer(suite, right[0] + " or so") == 1.0
    assert await answer(suite, "no idea") == 0.25


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"question": "a?", "answer": "b"}\n\n{"question": ', r"q\.jsonl line 3 is no JSON"),
        ('{"question": "a?", "answer": "b"}\n[1]\n', r"q\.jsonl line 2 is no JSON object: '\[1\]'"),
        ('{"question": "a?"}\n', r"q\.jsonl line 1: it has nothing in the field 'answer'; its fields are question"),
        ('{"question": " ", "answer": "b"}\n', "line 1: it has nothing in the field 'question'"),
        ('{"question": "a?", "answer": []}\n', "line 1: it has nothing in the field 'answer'"),
        ('{"question": "a?", "answer": "C", "choices": ["x", "y"]}\n', "line 1: the answer 'C' is none of the choices"),
        ('{"question": "a?", "answer": 2, "choices": ["x", "y"]}\n', "line 1: the answer 2 is none of the choices"),
    ],
)
def test_a_line_that_is_no_question_is_told_with_its_number(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text(text)
    with pytest.raises(BadSetting, match=told):
        Qa(str(tmp_path / "q.jsonl")).tasks("train")


def test_a_table_whose_lines_differ_in_length_is_told_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("question,answer\na?,b\nc?,d,e\n")
    with pytest.raises(BadSetting, match=r"q\.csv line 3 has not the 2 fields"):
        read_rows(str(tmp_path / "q.csv"))
    (tmp_path / "q.csv").write_text('question,answer\na?,"b\n')
    with pytest.raises(BadSetting, match=r"q\.csv line 2 is no CSV"):
        read_rows(str(tmp_path / "q.csv"))
    (tmp_path / "q.csv").write_bytes(b"question,answer\n\xff?,b\n")
    with pytest.raises(BadSetting, match=r"q\.csv is not in UTF-8"):
        read_rows(str(tmp_path / "q.csv"))


def test_what_is_no_source_is_told() -> None:
    with pytest.raises(BadSetting, match=r"there is no file 'nowhere\.jsonl'"):
        Qa("nowhere.jsonl").tasks("train")
    with pytest.raises(BadSetting, match=r"must end in one of \.jsonl, \.json, \.csv"):
        Qa("questions.xlsx").tasks("train")
    with pytest.raises(BadSetting, match="no questions for train; add train='FILE'"):
        Qa(test="test.jsonl")
    with pytest.raises(UnknownName, match="no grading 'nummeric'; did you mean numeric"):
        Qa(grading="nummeric")


def test_a_data_set_of_the_hub_that_cannot_be_had_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if importlib.util.find_spec("datasets") is None:
        with pytest.raises(MissingExtra):
            Qa("hf:openai/gsm8k").tasks("train")
        return
    import datasets

    rows = datasets.Dataset.from_list([*ROWS])
    wanted = []

    def load(*given: object, **named: object) -> datasets.Dataset:
        wanted.append((*given, *named.values()))
        if named["split"] != "train":
            raise ValueError("Unknown split")
        return rows

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert asked(Qa("hf:a/b/main@v1")) == asked(Qa(jsonl(tmp_path / "same.jsonl", ROWS)))
    assert wanted == [("a/b", "main", "train", "v1")]
    with pytest.raises(BadSetting, match="'hf:a/b#tests' cannot be had: Unknown split"):
        Qa("hf:a/b#tests").tasks("train")


def test_the_answer_is_neither_in_the_task_nor_in_what_is_seen(tmp_path: Path) -> None:
    rows = [{"question": f"Riddle {n}?", "answer": f"secret-{n}", "kind": "riddle"} for n in range(20)]
    suite = Qa(jsonl(tmp_path / "riddles.jsonl", rows))
    assert "secret" not in repr([list(suite.tasks(split)) for split in SPLITS])
    assert isinstance(suite.questions("train")[0], Question)
