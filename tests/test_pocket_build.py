"""``knowhow pocket build``: what it asks before it works, and that it goes on where it was interrupted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from doors import Doors
from typer.testing import CliRunner

from knowhow.environments.errors import BadSetting
from knowhow.evals import pocket
from knowhow.evals.cli import app
from knowhow.evals.watch import Silent
from knowhow.memory.store import Memory

HERE = Path(__file__).parent
COTTAGE = f"{HERE / 'cottage.py'}:Cottage"


def test_the_memory_that_was_begun_is_gone_on_with(tmp_path: Path) -> None:
    class Killed(Exception): ...

    class Killing(Silent):
        def phase(self, name: str, total: int, done: int = 0) -> None:
            if name == "validation 1":
                raise Killed

    with pytest.raises(Killed):
        pocket.learn(COTTAGE, tmp_path / "memory", 20, 0, Killing())
    assert pocket.learn(COTTAGE, tmp_path / "memory", 20, 0, Silent()) == tmp_path / "memory"
    assert pocket.learn(COTTAGE, tmp_path / "memory", 20, 0, Silent()) == tmp_path / "memory", "it is done already"
    with Memory.open(tmp_path / "memory") as memory:
        assert memory.version > 0


def test_a_suite_without_an_oracle_is_refused_before_anything_is_learned(tmp_path: Path) -> None:
    assert type(Doors().oracle(Doors().tasks("train")[0], seed=0)) is type(None)
    with pytest.raises(BadSetting, match="has no oracle"):
        pocket.learn(f"{HERE / 'doors.py'}:Doors", tmp_path / "memory", 40, 0, Silent())
    assert not (tmp_path / "memory").exists()


def test_a_size_that_cannot_be_is_told_at_once(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    found = CliRunner().invoke(app, ["pocket", "build", "--hidden", "40", "--out", str(tmp_path / "pocket")])
    assert found.exit_code and "hidden=40" in str(found.exception)
    assert list(tmp_path.iterdir()) == []


def test_where_memory_has_skills_some_are_called(tmp_path: Path) -> None:
    from knowhow.evals import learn
    from knowhow.evals.settings import Settings

    settings = Settings("household", memory="skills", episodes=90, rounds=6, validation=2, seed=0)
    asyncio.run(learn.start(settings, tmp_path / "skills"))
    played = asyncio.run(pocket.plays("household", tmp_path / "skills", 30, 0, Silent(), memory_tokens=500))
    able = [one for one in played if len(one.tools) > 1]
    called = [one for one in able if any(step.call and step.call.name.startswith("skill_") for step in one.steps)]
    assert able and 0 < len(called) < len(able)
    assert all(one.success for one in called)
