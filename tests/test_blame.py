"""What fails in a user's own code is told with its place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from doors import Door, Doors, metered, red_key

from knowhow.agents.episode import Agent, play
from knowhow.agents.metering import Meter
from knowhow.agents.types import Start
from knowhow.environments.blame import blamed
from knowhow.environments.errors import BadSetting
from knowhow.environments.text_world import TextWorld
from knowhow.environments.types import Environment, Feedback, StopReason, Task, ToolCall
from knowhow.evals.stage import open_suite
from knowhow.evals.tasks import draw

SUITE = """
from knowhow.environments.types import Suite, Task
class Mine(Suite):
    name = "mine"
    def tasks(self, split):
        {body}
    def open(self, task, *, seed): ...
"""


def test_the_place_is_the_users_own_line_and_not_the_librarys() -> None:
    with pytest.raises(ValueError) as found:
        json.loads("{")
    assert "test_blame.py:" in blamed(found.value) and blamed(found.value).startswith("JSONDecodeError: Expecting")
    assert blamed(ValueError("never\nraised")) == "ValueError: never raised"


def test_what_only_libraries_did_is_told_by_the_innermost_line() -> None:
    async def fail() -> None:
        await asyncio.wait_for(asyncio.sleep(1), 0.001)

    with pytest.raises(TimeoutError) as found:
        asyncio.run(fail())
    error = found.value.with_traceback(found.value.__traceback__)
    assert "test_blame.py:" in blamed(error)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("return None", r"tasks\('train'\) of the suite mine gives a NoneType, and no sequence of tasks"),
        ("return [{'goal': 'x'}]", r"tasks\('train'\) of the suite mine holds a dict, and no Task"),
        ("return [Task('1', 'mine', 'test', 'k', 'x')]", r"the suite mine holds '1' of the split 'test'"),
        (
            "return [Task('1', 'mine', 'train', 'k', goal) for goal in 'ab']",
            "two train tasks of the suite mine have the id '1'; give each its own",
        ),
        ("return {}[split]", r"the suite mine fails in tasks\('train'\): KeyError: 'train' \(mine.py:6\)"),
    ],
)
def test_a_suite_that_has_no_tasks_to_give_is_told(body: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SUITE.format(body=body))
    made = open_suite(f"{tmp_path / 'mine.py'}:Mine")
    with pytest.raises(BadSetting, match=complaint):
        draw(made, "train", 2, 0)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("class Mine:\n    name = 'mine'", "is no suite, it has no tasks, open, max_steps"),
        ("class Mine:\n    def __init__(self): {}['key']", r"fails when it is made: KeyError: 'key' \(mine.py:3\)"),
        (SUITE.format(body="return []") + "    max_steps = 0", "max_steps=0 of the suite mine must be a whole number"),
    ],
)
def test_what_cannot_be_a_suite_is_told(body: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"\n{body}\n" if "import" not in body else body)
    with pytest.raises(BadSetting, match=complaint):
        open_suite(f"{tmp_path / 'mine.py'}:Mine")


@pytest.mark.parametrize(
    ("reward", "commands", "complaint"),
    [
        (7.0, ["wait"], "rewards add up to 7, and may to 1"),
        (float("nan"), ["wait"], "a reward of nan, which is no number"),
        ("good", ["wait"], "a reward of 'good', which is no number"),
        (0.0, "wait", "the commands 'wait', a text"),
    ],
)
async def test_feedback_that_means_nothing_is_an_error_of_the_episode(
    reward: Any, commands: Any, complaint: str
) -> None:
    class Odd(Door):
        def do(self, command: str) -> tuple[str, float, bool]:
            return "", reward, False

    class Odds(Doors):
        def world(self, task: Task, *, seed: int) -> TextWorld:
            return Odd("red")

        @asynccontextmanager
        async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
            async with super().open(task, seed=seed) as env:
                step = env.step

                async def stepped(call: ToolCall) -> Feedback:
                    return replace(await step(call), commands=commands)

                env.step = stepped  # type: ignore[method-assign]
                yield env

    meter = Meter()
    played = await play(Odds(), Agent(metered(meter, red_key), meter))(Odds().tasks("train")[0], Start(0))
    assert played.stop is StopReason.ERROR and complaint in played.error
