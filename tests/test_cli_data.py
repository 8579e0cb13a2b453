"""``knowhow export-data``: from the episodes of a run to a file for other trainers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chores import episodes
from program import knowhow

from knowhow.environments.types import ToolCall, Trajectory
from knowhow.memory.episodes import Episodes
from knowhow.training.exports import card_path


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("played")
    put(folder, episodes(), "train")
    put(folder, episodes()[:3], "validation")
    return folder


def put(folder: Path, some: tuple[Trajectory, ...], phase: str) -> None:
    with Episodes.open(folder, create=True) as kept:
        for number, episode in enumerate(some):
            kept.put(episode, phase=phase, round=1, index=number)


def test_the_command_writes_what_the_functions_make(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "data.jsonl"
    made = knowhow("export-data", run, "--out", out, "--without-memory", "--cap", 1, "--json").told
    assert (made["rows"], made["file"], made["card"]) == (6, str(out), str(card_path(out)))
    assert [(one["count"], one["why"]) for one in made["dropped"]] == [
        (12, "not successful"),
        (6, "over the cap of 1 a task"),
    ]
    assert len(lines(out)) == 6 and "[str-0" not in json.dumps([one["messages"][2:] for one in lines(out)])
    again = knowhow(
        "export-data", run, "--out", tmp_path / "again.jsonl", "--without-memory", "--cap", 1, "--json"
    ).told
    assert again["sha256"] == made["sha256"] and (tmp_path / "again.jsonl").read_bytes() == out.read_bytes()
    every = ("--all", "--form", "turns", "--kind", "clean", "--kind", "put", "--memory-version", 1, "--as", "openai")
    said = knowhow("export-data", run, "--out", out, *every).out
    assert "- kinds: clean 2, put 2" in said and "- memory versions: 1 4" in said and str(card_path(out)) in said
    pairs = knowhow("export-data", run, "--out", out, "--form", "pairs", "--without-memory", "--json").told
    assert pairs["rows"] == 12 and set(lines(out)[0]) == {"prompt", "chosen", "rejected", "tools"}


def test_the_command_refuses_test_tasks_and_says_what_else_is_wrong(run: Path, tmp_path: Path) -> None:
    tested = tmp_path / "tested"
    tested.mkdir()
    put(tested, tuple(replace(one, task=replace(one.task, split="test")) for one in episodes()[:2]), "run")
    for more, error in (
        ((tested,), "is of the test split; nothing is learned from it"),
        ((tested, "--all"), "is of the test split; nothing is learned from it"),
        ((run, "--form", "hole"), "there is no form 'hole'; did you mean whole?"),
        ((run, "--form", "pairs", "--all"), "pairs"),
        ((run, "--all", "--cap", 2), "the cap of 2 is of successes"),
        ((run, "--kind", "fly"), "24 episodes: of another kind than fly"),
        ((tmp_path / "nowhere",), "nowhere"),
    ):
        assert error in knowhow("export-data", *more, "--out", tmp_path / "data.jsonl").complaint
    assert not (tmp_path / "data.jsonl").exists()


def test_a_skill_is_no_example_for_an_agent_without_memory(tmp_path: Path) -> None:
    won = next(one for one in episodes() if one.success)
    skilled = replace(won.steps[0], call=ToolCall("skill_clean", {}))
    put(tmp_path, (won, replace(won, id="skilled", steps=(skilled, *won.steps[1:]))), "train")
    made = knowhow("export-data", tmp_path, "--out", tmp_path / "data.jsonl", "--without-memory", "--json").told
    assert (made["rows"], made["dropped"]) == (
        1,
        [{"why": "it calls an ability that memory offered", "count": 1, "what": "episodes"}],
    )
