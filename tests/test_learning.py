"""The point of it all: an agent gets better at worlds that nothing was written for, and memory is the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowhow.evals import learn, run
from knowhow.evals.settings import Settings

RAILWAY = f"{Path(__file__).parent / 'railway.py'}:Railway"


@pytest.mark.slow
async def test_an_agent_learns_a_suite_that_the_code_has_never_seen(tmp_path: Path) -> None:
    settings = Settings(suite=RAILWAY, split="train", memory="playbook", episodes=60, rounds=3, validation=20)
    result = await learn.start(settings, tmp_path / "run")
    assert result["before"]["success_rate"] <= 0.2
    assert result["after"]["success_rate"] >= 0.8
    assert result["withheld"]["success_rate"] == result["before"]["success_rate"]
    tested = await run.run(
        Settings(suite=RAILWAY, split="test", memory=str(tmp_path / "run"), episodes=20), tmp_path / "test"
    )
    assert tested["success_rate"] >= 0.8


@pytest.mark.slow
async def test_household_is_learned_and_what_was_learned_can_be_carried_on(tmp_path: Path) -> None:
    settings = Settings(split="train", memory="playbook", episodes=60, rounds=3, validation=24)
    result = await learn.start(settings, tmp_path / "one")
    assert result["after"]["success_rate"] - result["before"]["success_rate"] >= 0.3
    assert result["withheld"]["success_rate"] == result["before"]["success_rate"] <= 0.3
    onward = Settings(split="train", memory=str(tmp_path / "one"), episodes=12, rounds=1, validation=12)
    more = await learn.start(onward, tmp_path / "two")
    assert more["memory_version"] == result["memory_version"] + 1
    assert more["after"]["success_rate"] > more["before"]["success_rate"]


@pytest.mark.slow
async def test_learning_without_labels_still_helps_on_the_railway(tmp_path: Path) -> None:
    settings = Settings(
        suite=RAILWAY, split="train", memory="playbook", episodes=40, rounds=2, validation=20, labels=False
    )
    result = await learn.start(settings, tmp_path / "run")
    assert result["after"]["success_rate"] > result["before"]["success_rate"]
