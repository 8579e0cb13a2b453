"""Proof in the loop: paired replays and withholding measure every lesson, and an interruption changes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from runs import Cut, kept, outcome, small
from typer.testing import CliRunner

from knowhow.environments.errors import BadSetting
from knowhow.evals import learn
from knowhow.evals.cli import app
from knowhow.evals.report import write_report
from knowhow.evals.settings import Settings
from knowhow.memory.episodes import Episodes


def proving(**settings: Any) -> Settings:
    return small(**{"withhold_rate": 0.1, "proof": 12, "proof_at_once": 4, "seed": 5, **settings})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any], Path]:
    """An uninterrupted run: its result, what it kept, and where."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    result = asyncio.run(learn.start(proving(), folder))
    return result, kept(folder), folder


def test_each_replay_shows_the_lessons_on_trial_to_one_of_two_equal_episodes(whole: Any) -> None:
    with Episodes.open(whole[2]) as store:
        ones, others = store.find("proof"), store.find("mirror")
        assert len(ones) == len(others) == 6  # rounds 2 and 3; in the first there was no lesson yet
        trained = {trajectory.task.id for trajectory in store.find("train")}
    for one, other in zip(ones, others, strict=True):
        assert (one.task, one.seed, one.memory_version) == (other.task, other.seed, other.memory_version)
        assert one.id != other.id and one.task.id in trained
        tried = {*one.withheld, *other.withheld}
        assert 0 < len(tried) <= 4 and not {*one.withheld} & {*other.withheld}
        assert {*one.shown} - tried == {*other.shown} - tried


def test_every_lesson_that_was_on_trial_has_an_effect_and_the_journal_says_why(whole: Any) -> None:
    _, stored, _ = whole
    edits = [edit for _, _, batch in stored["log"] for edit in batch if edit["fields"].get("effect")]
    assert edits and all("of reward (95%:" in edit["why"] for edit in edits)
    paired = [edit for edit in edits if edit["fields"]["effect"]["weight"] >= 1]
    assert paired
    for edit in edits:
        effect = edit["fields"]["effect"]
        assert -1 <= effect["low"] <= effect["mean"] <= effect["high"] <= 1


@pytest.mark.parametrize("every", [5, 9])
async def test_cut_off_every_so_often_it_ends_where_the_uninterrupted_run_ends(
    every: int, whole: Any, tmp_path: Path
) -> None:
    folder, sittings, result = tmp_path / "run", 0, None
    while result is None:
        sittings += 1
        assert sittings < 60
        cut = Cut(every)
        try:
            result = await (learn.resume(folder, cut) if folder.exists() else learn.start(proving(), folder, cut))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
    assert sittings >= 3
    assert outcome(result) == outcome(whole[0])
    assert kept(folder) == whole[1]


async def test_without_labels_nothing_is_measured(tmp_path: Path) -> None:
    await learn.start(proving(labels=False), tmp_path / "run")
    stored = kept(tmp_path / "run")
    assert stored["items"] and all(item["effect"] is None for item in stored["items"])
    assert not any(row["phase"] in ("proof", "mirror") for row in stored["episodes"])


async def test_a_budget_that_ends_during_the_replays_ends_the_run_cleanly(whole: Any, tmp_path: Path) -> None:
    rows = whole[1]["episodes"]
    before = [row for row in rows if row["phase"] in ("before", "validation", "train") and row["round"] <= 1]
    calls = sum(row["usage"]["calls"] for row in before) + 150
    result = await learn.start(proving(budget_calls=calls), tmp_path / "run")
    assert result["withheld"]["unfinished"] > 0
    assert outcome(await learn.resume(tmp_path / "run")) == outcome(result)


def test_a_share_for_proof_cannot_be_negative() -> None:
    with pytest.raises(BadSetting, match="proof=-1 must be at least 0"):
        small(proof=-1)


def test_memory_show_and_the_report_tell_the_effect_with_its_interval(whole: Any) -> None:
    measured = [item for item in whole[1]["items"] if item["effect"]]
    shown = CliRunner().invoke(app, ["memory", "show", str(whole[2])], env={"COLUMNS": "200"}).output
    page = write_report(whole[2]).read_text(encoding="utf-8")
    assert measured and "effect (95%)" in shown
    for item in measured:
        effect = item["effect"]
        told = f"{effect['mean']:+.2f} ({effect['low']:+.2f} to {effect['high']:+.2f})"
        assert told in next(line for line in shown.splitlines() if line.split()[:1] == [item["id"]])
        assert f"effect {told}" in page.replace("&#43;", "+")
