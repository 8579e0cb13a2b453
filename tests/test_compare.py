"""Comparisons: the same tasks for every arm, one budget, nothing played twice, and verdicts that are not chance."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import program
import pytest
from runs import COTTAGE

from knowhow.agents.metering import Budget, Meter
from knowhow.environments.errors import BadSetting, BudgetExceeded, MemoryDamaged
from knowhow.environments.types import StopReason, Usage
from knowhow.evals import run
from knowhow.evals.compare.cells import folder_of
from knowhow.evals.compare.compare import compare, preview
from knowhow.evals.compare.figures import Played, arm, differences
from knowhow.evals.compare.page import render
from knowhow.evals.compare.plan import from_dict, from_file
from knowhow.evals.folder import RunFolder
from knowhow.evals.repeat import repeat
from knowhow.evals.settings import Settings
from knowhow.memory.episodes import Summary

PLAN: dict[str, Any] = {
    "suites": COTTAGE,
    "seeds": 2,
    "settings": {"episodes": 12, "rounds": 2, "validation": 4},
    "measure": {"split": "test", "episodes": 6},
    "arms": {
        "none": {"memory": "none"},
        "playbook": {"memory": "playbook"},
        "off": {"memory": "playbook", "withhold": True},
    },
}


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("compared") / "c"
    return asyncio.run(compare(from_dict(PLAN), folder)), folder


def episodes(rewards: list[float], **changed: Any) -> list[Summary]:
    made = Summary("e", "run", 0, 0, "t", "s", "k", "test", 1.0, StopReason.TERMINATED, 3)
    return [replace(made, index=n, task=f"t{n}", reward=reward, **changed) for n, reward in enumerate(rewards)]


def played(name: str, *seeds: list[float], attempts: int = 1) -> list[Played]:
    return [Played(name, "s", seed, episodes(rewards), attempts) for seed, rewards in enumerate(seeds)]


# --- what is played ---


def test_arms_play_the_same_tasks_and_learn_once(compared: tuple[dict[str, Any], Path]) -> None:
    result, folder = compared
    cells = from_dict(PLAN).cells()
    assert len(cells) == 6 and len([*(folder / "learned").iterdir()]) == 2, "two arms that would learn alike learn once"
    worlds: dict[int, tuple[Any, Any]] = {}
    for cell in cells:
        with RunFolder.open(folder_of(cell, folder), lock=False) as one:
            assert all(row.split == "test" for row in one.episodes.summaries())
            tasks = [(row.index, row.task) for row in one.episodes.summaries()]
            seeds = [trajectory.seed for trajectory in one.episodes.find()]
        assert worlds.setdefault(cell.seed, (tasks, seeds)) == (tasks, seeds)
    assert worlds[0] != worlds[1]
    assert [one["arm"] for one in result["arms"]] == ["none", "playbook", "off"]
    assert [one["pairs"] for one in result["differences"]] == [12, 12]
    assert result["unfinished"] == 0 and result["arms"][0]["learning"]["tokens"] == 0
    assert result["arms"][1]["learning"]["tokens"] > 0 and result["arms"][1]["curve"]["points"][0][0] == 0
    assert result["made_with"]["prompts"] and result["made_with"]["packages"]["numpy"]


def test_a_comparison_goes_on_where_its_budget_ended(compared: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    whole, _ = compared
    short = from_dict({**PLAN, "budget_calls": 200})
    cut = asyncio.run(compare(short, tmp_path / "c"))
    assert cut["unfinished"] > 0 and cut["spent"]["calls"] <= 200
    done = asyncio.run(compare(from_dict({**PLAN, "budget_calls": 100_000}), tmp_path / "c"))
    assert done["unfinished"] == 0
    for one, other in zip(done["arms"], whole["arms"], strict=True):
        assert (one["success"], one["steps"], one["kinds"]) == (other["success"], other["steps"], other["kinds"])
    again = asyncio.run(compare(from_dict(PLAN), tmp_path / "c"))
    assert again["spent"] == done["spent"], "what is finished is not played again"


def test_another_comparison_does_not_go_into_the_same_folder(compared: tuple[dict[str, Any], Path]) -> None:
    with pytest.raises(BadSetting, match="another comparison"):
        asyncio.run(compare(from_dict({**PLAN, "seeds": 1}), compared[1]))


def test_what_an_inner_meter_counts_counts_in_the_outer_one_too() -> None:
    outer = Meter(Budget(calls=3))
    one, other = Meter(Budget(calls=2), within=outer), Meter(within=outer)
    for meter in (one, one, other):
        with meter.reserve() as request:
            request.answered(Usage(prompt_tokens=5))
    assert outer.total.calls == 3 and outer.total.tokens == 15 and one.total.calls == 2
    with pytest.raises(BudgetExceeded):
        other.reserve()
    with pytest.raises(BudgetExceeded):
        one.reserve()
    assert outer.total.calls == 3 and other.total.calls == 1


# --- what it says ---


def test_a_clear_difference_is_told_and_chance_is_not() -> None:
    won, lost = [1.0] * 40, [0.0] * 40
    told = differences({"none": played("none", lost, lost, lost), "good": played("good", won, won, won)}, "none")[0]
    assert told["verdict"] == "better" and told["success"][0] == 1 and told["gained"] == 120 and told["p_holm"] < 1e-6
    half = [1.0, 0.0] * 20
    same = differences({"none": played("none", half), "same": played("same", half[::-1])}, "none")[0]
    assert same["verdict"] == "cannot tell" and same["success"][0] == 0


def test_what_holds_in_one_run_need_not_hold_for_the_method() -> None:
    arms = {
        "none": played("none", [0.0] * 60, [0.0] * 60, [0.0] * 60),
        "luck": played("luck", [1.0] * 60, [0.0] * 60, [0.0] * 60),
    }
    told = differences(arms, "none")[0]
    assert told["p_holm"] < 0.001 and told["verdict"] == "cannot tell" and "3 seeds" in told["why"]
    alone = differences({name: cells[:1] for name, cells in arms.items()}, "none")[0]
    assert alone["verdict"] == "better" and "one run" in alone["why"]


def test_several_attempts_count_as_one_pair() -> None:
    none = [Played("none", "s", 0, [replace(one, index=n) for n, one in enumerate(episodes([0.0] * 8))], 2)]
    tries = [replace(one, task=none[0].episodes[n].task, reward=float(n % 2)) for n, one in enumerate(none[0].episodes)]
    pairs = [replace(one, task=f"t{n // 2}") for n, one in enumerate(tries)]
    base = [replace(one, task=f"t{n // 2}") for n, one in enumerate(none[0].episodes)]
    told = differences({"none": [replace(none[0], episodes=base)], "some": [Played("some", "s", 0, pairs, 2)]}, "none")[
        0
    ]
    assert told["pairs"] == 4 and told["success"][0] == 0.5
    figures = arm("some", [Played("some", "s", 0, pairs, 2)])
    assert figures["pass_at"] == {1: 0.5, 2: 1.0} and figures["pass_all"] == {1: 0.5, 2: 0.0}


def test_episodes_that_the_budget_cut_off_make_no_pair() -> None:
    cut = episodes([0.0] * 5, stop=StopReason.BUDGET)
    told = differences({"none": [Played("none", "s", 0, cut)], "x": played("x", [1.0] * 5)}, "none")[0]
    assert told["pairs"] == 0 and told["verdict"] == "cannot tell"


def test_a_plan_says_beforehand_what_it_takes_and_what_it_can_tell() -> None:
    told = preview(from_dict(PLAN))
    assert told["cells"] == 6 and told["episodes"] == {"learning": 2 * (12 + 4 * 5), "measured": 36}
    assert told["pairs"] == 12 and 0.3 < told["sees"] <= 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"arms": {"one": {}}}, "at least two"),
        ({"arms": {"a": {"memry": "none"}, "b": {}}}, "memry"),
        ({"arms": {"a": {"suite": "sql"}, "b": {}}}, "at the top"),
        ({"seeds": 0}, "at least 1"),
        ({"seeds": [1, 1]}, "twice"),
        ({"against": "nobody"}, "the arms are none"),
        ({"measure": {"spilt": "test"}}, "spilt"),
        ({"budget": 3}, "budget"),
    ],
)
def test_a_wrong_plan_says_what_is_wrong(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadSetting, match=re.escape(complaint)):
        from_dict({**PLAN, **change})


def test_the_example_is_a_plan(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(program.knowhow("compare", "--example").out)
    assert len(from_file(tmp_path / "plan.yaml").cells()) == 15


def test_the_page_shows_every_arm_and_runs_nothing(compared: tuple[dict[str, Any], Path]) -> None:
    result, _ = compared
    hostile = json.loads(json.dumps(result))
    hostile["arms"][1]["arm"] = "<script>alert(1)</script>"
    hostile["differences"][0]["why"] = "\x1b[31m<img src=x onerror=alert(1)>"
    page = render(hostile)
    assert "<script" not in page and "<img" not in page and "\x1b" not in page
    assert "&lt;script&gt;" in page and "playbook" in render(result)


# --- again ---


def test_a_repeated_result_is_identical_with_a_model_that_is(
    compared: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    _, folder = compared
    told = asyncio.run(repeat(folder, tmp_path / "again"))
    assert told["agrees"] and told["identical"] and told["changed"] == {}
    assert {one["arm"] for one in told["series"]} == {"none", "playbook", "off"}
    assert all(one["alike"] == one["pairs"] == 12 for one in told["series"])


def test_a_repeat_that_comes_out_otherwise_says_so(tmp_path: Path) -> None:
    settings = Settings(COTTAGE, episodes=12, split="test")
    asyncio.run(run.run(settings, tmp_path / "r"))
    with RunFolder.open(tmp_path / "r") as folder:
        for place, trajectory in enumerate(folder.episodes.find("run")):
            forged = replace(trajectory, reward=1.0 - (trajectory.reward or 0.0))
            folder.episodes.put(forged, phase="run", round=0, index=place)
    told = asyncio.run(repeat(tmp_path / "r", tmp_path / "again"))
    assert not told["agrees"] and not told["identical"] and told["series"][0]["p_holm"] <= 0.05
    said = program.knowhow("repeat", tmp_path / "r", "--out", tmp_path / "third", "--json")
    assert said.code == 1 and json.loads(said.out)["agrees"] is False


def test_what_is_not_finished_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(MemoryDamaged):
        asyncio.run(repeat(tmp_path / "nothing", tmp_path / "again"))
    asyncio.run(run.run(Settings(COTTAGE, episodes=2, split="test"), tmp_path / "begun"))
    (tmp_path / "begun" / "result.json").unlink()
    with pytest.raises(BadSetting, match="not finished"):
        asyncio.run(repeat(tmp_path / "begun", tmp_path / "again"))
    assert not (tmp_path / "again").exists(), "that is said before anything is played"


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    settings = Settings(COTTAGE, episodes=12, split="test")
    whole = asyncio.run(run.run(settings, tmp_path / "whole"))
    cut = asyncio.run(run.run(replace(settings, budget_calls=30), tmp_path / "cut"))
    assert cut["unfinished"] > 0
    done = asyncio.run(run.resume(tmp_path / "cut", budget_calls=100_000))
    same = ("episodes", "success_rate", "mean_reward", "mean_steps", "unfinished")
    assert [done[name] for name in same] == [whole[name] for name in same]
    said = program.knowhow("evolve", "--resume", tmp_path / "cut")
    assert "knowhow run --resume" in said.complaint
