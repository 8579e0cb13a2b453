"""The soak: every episode is counted, engines that are killed cost no result, and what grows is seen."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from doors import Doors

from knowhow.environments.engine_episode import EngineEpisode
from knowhow.environments.suites.household import Household
from knowhow.environments.types import Environment, Feedback, Split, Suite, Task, ToolCall
from knowhow.environments.worker import Workers
from knowhow.evals.benches.oracles import oracles, sample
from knowhow.evals.benches.soak import soak
from knowhow.evals.benches.soaking.footprint import descendants, footprint, growth
from knowhow.evals.benches.soaking.killing import kill_an_engine

ENGINE = """
import time

def prepare():
    pass

class Engine:
    def reset(self, game):
        return self.step("wait")

    def step(self, command):
        time.sleep(0.05)
        return {"text": "Time passes.", "won": command == "win"}
"""


class Slow(Suite):
    """Won by waiting 15 times; each episode is a process of its own."""

    name, description, max_steps = "slow", "Waiting.", 20

    def __init__(self, engine: Path) -> None:
        self._workers = Workers(engine, label="the slow engine")

    def tasks(self, split: Split) -> Sequence[Task]:
        return [Task(f"{split} {n}", self.name, split, "wait", "wait") for n in range(9)]

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        async with self._workers.open() as worker:
            yield EngineEpisode(worker, "", self._feedback)

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall]:
        return [ToolCall("act", {"command": command}) for command in ["wait"] * 15 + ["win"]]

    def _feedback(self, seen: Mapping[str, Any]) -> Feedback:
        return Feedback(seen["text"], float(seen["won"]), terminated=seen["won"], commands=("wait", "win"))


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


async def test_all_episodes_are_played_the_oracle_wins_and_nothing_is_left() -> None:
    figures = await soak(Household(), 16, concurrency=4, steps=4)
    assert (figures["episodes"], figures["errors"], figures["retried"]) == (16, {}, 0)
    assert (figures["oracle"]["won"], figures["oracle"]["of"]) == (8, 8)
    assert figures["growth"]["processes"]["grew"] <= 0
    assert figures["growth"]["descriptors"]["grew"] == 0


async def test_killed_engines_cost_no_episode(tmp_path: Path) -> None:
    (tmp_path / "engine.py").write_text(ENGINE)
    figures = await soak(Slow(tmp_path / "engine.py"), 12, concurrency=4, kills=2)
    assert figures["killed"] == 2 and 1 <= figures["retried"] <= 2
    assert (figures["episodes"], figures["errors"]) == (12, {})
    assert (figures["oracle"]["won"], figures["oracle"]["of"]) == (6, 6)


async def test_a_suite_without_engines_has_none_to_kill() -> None:
    figures = await soak(Doors(), 8, concurrency=2, kills=1)
    assert (figures["killed"], figures["episodes"]) == (0, 8)


def test_the_engines_of_others_are_spared() -> None:
    with subprocess.Popen(
        ["sh", "-c", "echo; sleep 60 & wait"], stdout=subprocess.PIPE, start_new_session=True
    ) as other:
        assert other.stdout and other.stdout.readline()
        assert not kill_an_engine(Random(0), descendants(os.getpid()))
        assert other.poll() is None
        os.killpg(other.pid, signal.SIGKILL)


def test_growth_is_told_from_one_half_to_the_other(tmp_path: Path) -> None:
    looks = [footprint()]
    (tmp_path / "left").touch()
    held = (tmp_path / "left").open()
    looks.append(footprint())
    held.close()
    grew = {name: told["grew"] for name, told in growth(looks).items()}
    assert (grew["temporary_files"], grew["descriptors"], grew["processes"]) == (1, 1, 0)
    assert os.getpid() not in descendants(os.getpid())


class Told(Doors):
    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        commands = [f"take the {self.world(task, seed=seed).key} key", "unlock the door"]  # type: ignore[attr-defined]
        return [ToolCall("act", {"command": command}) for command in commands]


class Struck(Told):
    """Its oracle fails at some doors, and knows nothing of others."""

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        if task.id.endswith("3"):
            raise LookupError("there is no key 3")
        return None if task.id.endswith("4") else super().oracle(task, seed=seed)


async def test_an_oracle_that_fails_has_lost_and_the_soak_goes_on() -> None:
    figures = await soak(Struck(), 40, concurrency=2)
    lost = figures["oracle"]["of"] - figures["oracle"]["won"]
    assert figures["episodes"] == 40 and 10 < figures["oracle"]["of"] < 20
    assert lost > 0 and figures["errors"] == {"the oracle: LookupError: there is no key 3": lost}


async def test_an_oracle_is_measured_and_each_loss_is_told() -> None:
    struck, sound = [await oracles(suite(), tasks=20, seeds=2, concurrency=3) for suite in (Struck, Told)]
    assert (sound["won"], sound["of"], sound["by_kind"], sound["lost"]) == (120, 120, {}, [])
    assert 0 < len(struck["lost"]) == struck["of"] - struck["won"]
    assert struck["by_kind"] == {"door": {"won": struck["won"], "of": struck["of"]}}
    assert all(one["id"].endswith("3") and "there is no key 3" in one["end"] for one in struck["lost"])
    assert struck["without_oracle"] == {"tasks": 120 - struck["of"], "kinds": ["door"]} and struck["of"] < 120


def test_a_sample_has_as_many_of_each_kind() -> None:
    tasks = [Task(str(n), "any", "train", "rare" if n < 2 else f"kind {n % 2}", "goal") for n in range(90)]
    kinds = [task.kind for task in sample(tasks, 10)]
    assert [kinds.count(kind) for kind in ("rare", "kind 0", "kind 1")] == [2, 4, 4]
    assert len({task.id for task in sample(tasks, 100)}) == 90
