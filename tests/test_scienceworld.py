"""The suite ``scienceworld``, on the engine itself."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from processes import command, gone, run

from knowhow.environments.check import check_suite
from knowhow.environments.errors import BadSetting, EngineFailed, UnknownName
from knowhow.environments.science import goals
from knowhow.environments.suites.scienceworld import Scienceworld, _pool
from knowhow.environments.types import SPLITS, Feedback, Task, ToolCall

needs_engine = pytest.mark.skipif(
    importlib.util.find_spec("scienceworld") is None or shutil.which("java") is None,
    reason="pip install 'knowhow-agents[worlds]', and Java",
)
pytestmark = [pytest.mark.worlds, needs_engine]


@pytest.fixture
def suite() -> Scienceworld:
    return Scienceworld("find-animal, chemistry-mix-paint-secondary-color")


def act(command: str) -> ToolCall:
    return ToolCall("act", {"command": command})


async def play(suite: Scienceworld, task: Task, calls: Sequence[ToolCall]) -> list[Feedback]:
    """Make the calls, as far as the episode goes."""
    async with suite.open(task, seed=0) as env:
        said = [await env.reset()]
        for call in calls:
            if not said[-1].done:
                said.append(await env.step(call))
        return said


def programs() -> set[int]:
    """The Java programs that this process, or one that it started, has started."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return {pid for pid in ours if Path(f"/proc/{pid}/comm").read_text().strip() == "java"}


def test_all_variations_are_listed_in_their_own_splits_without_the_engine() -> None:
    suite = Scienceworld()
    tasks = {split: suite.tasks(split) for split in SPLITS}
    assert [len(tasks[split]) for split in SPLITS] == [3592, 1796, 1819]
    assert len({task.id for split in SPLITS for task in tasks[split]}) == 7207
    assert len({task.kind for task in tasks["test"][:30]}) == 30
    assert tasks["train"][0].goal.startswith("boil ")


async def test_the_engine_agrees_about_splits_and_goals(suite: Scienceworld) -> None:
    program = """
import json
from scienceworld import ScienceWorldEnv
engine = ScienceWorldEnv("")
told = {}
for kind, variation in (("boil", 29), ("identify-life-stages-1", 13), ("find-animal", 299)):
    engine.load(kind, variation)
    parts = engine.get_variations_train(), engine.get_variations_dev(), engine.get_variations_test()
    told[kind] = [engine.get_task_description(), parts]
print(json.dumps(told))
"""
    for kind, (description, parts) in json.loads(run(program).splitlines()[-1]).items():
        assert [list(goals.variations(kind, split)) for split in SPLITS] == parts
        assert description.removeprefix(goals.INTRODUCTION) == goals.goal(kind, goals.variations(kind, "test")[-1])


async def test_the_gold_path_wins_step_by_step(suite: Scienceworld) -> None:
    for task in suite.tasks("test")[:2]:
        first, *said = await play(suite, task, suite.oracle(task, seed=0) or ())
        assert task.goal in first.observation and "The forms of commands" in first.observation
        assert sum(feedback.reward for feedback in said) == pytest.approx(1.0)
        assert said[-1].terminated and 0 < max(feedback.reward for feedback in said) < 1


async def test_a_failure_ends_it_and_takes_back_what_was_earned(suite: Scienceworld) -> None:
    task = suite.tasks("test")[0]
    *_, failed = await play(suite, task, [act("focus on agent")])
    assert failed.terminated and failed.reward == 0.0 and failed.commands == ()


async def test_there_is_no_way_back_to_the_start(suite: Scienceworld) -> None:
    first, said = await play(suite, suite.tasks("test")[0], [act("reset task")])
    assert "no way back" in said.observation and not said.done
    assert "reset task" not in first.observation and "reset task" not in (first.commands or ())


async def test_commands_are_listed_where_they_are_not_too_many() -> None:
    task = Scienceworld().tasks("test")[0]
    few, all_ = Scienceworld(most=5), Scienceworld(most=10_000)
    assert (await play(few, task, []))[0].commands is None
    assert len((await play(all_, task, []))[0].commands or ()) > 50


async def test_an_episode_in_a_used_program_goes_as_in_a_fresh_one(suite: Scienceworld) -> None:
    task, other = suite.tasks("test")[:2]
    once = await play(suite, task, (suite.oracle(task, seed=0) or ())[:6])
    await play(suite, other, [act("look around"), act("inventory")])
    assert await play(suite, task, (suite.oracle(task, seed=0) or ())[:6]) == once


async def test_a_killed_program_costs_one_episode(suite: Scienceworld) -> None:
    task = suite.tasks("test")[0]
    _pool.cache_clear()  # else there may be others that wait for an episode
    async with suite.open(task, seed=0) as env:
        await env.reset()
        (program,) = programs()
        os.kill(program, signal.SIGKILL)
        await gone(program)
        with pytest.raises(EngineFailed):
            await env.step(act("look around"))
    assert "Your task" in (await play(suite, task, []))[0].observation


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), 9)"])
async def test_no_program_outlives_the_process_that_played(end: str) -> None:
    program = f"""
import asyncio, os, sys
sys.path.append({str(Path(__file__).parent)!r})
from knowhow.environments.suites.scienceworld import Scienceworld
from test_scienceworld import play, programs

suite = Scienceworld("boil")
asyncio.run(play(suite, suite.tasks("test")[0], []))
print(*programs(), flush=True)
{end}
"""
    process = await asyncio.create_subprocess_exec(*command(program), stdout=subprocess.PIPE)
    told, _ = await process.communicate()
    (java,) = map(int, told.split())
    await gone(java)


def test_unknown_kinds_and_simplifications_are_told(suite: Scienceworld) -> None:
    with pytest.raises(UnknownName, match="'boiling'; did you mean boil"):
        Scienceworld("boiling")
    with pytest.raises(BadSetting, match="'eazy': eazy is none"):
        Scienceworld(simplification="eazy")
    with pytest.raises(UnknownName, match="has no task 'boil-29'"):
        suite.oracle(Task("boil-29", "scienceworld", "test", "boil", "boil"), seed=0)
    with pytest.raises(UnknownName, match="has no task"):
        suite.oracle(replace(suite.tasks("train")[0], split="test"), seed=0)


@pytest.mark.slow
async def test_it_keeps_every_promise_of_a_suite(suite: Scienceworld) -> None:
    findings = await check_suite(suite, tasks_per_split=2, seeds=(0,))
    assert [finding for finding in findings if not finding.ok] == []
