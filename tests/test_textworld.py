"""The suite ``textworld``: games that TextWorld makes, on the engine itself."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from knowhow.environments.check import check_suite
from knowhow.environments.errors import BadSetting, EngineFailed, UnknownName
from knowhow.environments.suites.textworld import Textworld
from knowhow.environments.types import SPLITS, Feedback, Task, ToolCall

pytestmark = [
    pytest.mark.worlds,
    pytest.mark.skipif(importlib.util.find_spec("textworld") is None, reason="pip install 'knowhow-agents[worlds]'"),
]

KITCHEN = "tw-cooking(recipe=1, take=1, cook=True)"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("games")


@pytest.fixture
def suite(kept: Path) -> Textworld:
    """Cooking in one kitchen; the games are made once for all tests."""
    return Textworld(KITCHEN, size=9, folder=str(kept))


def act(command: str) -> ToolCall:
    return ToolCall("act", {"command": command})


async def play(suite: Textworld, task: Task, calls: Sequence[ToolCall]) -> list[Feedback]:
    async with suite.open(task, seed=0) as env:
        return [await env.reset(), *[await env.step(call) for call in calls]]


def test_tasks_are_listed_without_making_a_game(tmp_path: Path) -> None:
    suite = Textworld(size=30, folder=str(tmp_path))
    assert [len(suite.tasks(split)) for split in SPLITS] == [30, 10, 10]
    assert [task.kind for task in suite.tasks("train")[:4]] == ["cooking"] * 3 + ["coin_collector"]
    assert list(tmp_path.iterdir()) == []


async def test_the_walkthrough_earns_all_points_one_by_one_and_no_text_tells_them(suite: Textworld) -> None:
    task = suite.tasks("test")[0]
    first, *said = await play(suite, task, suite.oracle(task, seed=0) or ())
    rewards = [feedback.reward for feedback in said]
    assert sum(rewards) == pytest.approx(1.0) and 0 < max(rewards) < 1
    assert said[-1].terminated and said[-1].commands == () and not any(one.done for one in said[:-1])
    assert first.observation.startswith("You are hungry!") and "$" not in first.observation
    assert "examine cookbook" in (first.commands or ())
    told = "\n".join(feedback.observation for feedback in (first, *said))
    assert "score" not in told and "***" not in told and ">" not in told


async def test_what_makes_no_sense_is_answered(suite: Textworld) -> None:
    first, said = await play(suite, suite.tasks("test")[0], [act("fly to the moon")])
    assert said.observation and said.commands == first.commands and not said.reward


async def test_the_splits_have_foods_of_their_own(suite: Textworld) -> None:
    task = suite.tasks("validation")[0]
    recipe = (await play(suite, task, [act("examine cookbook")]))[-1].observation
    assert "Ingredients" in recipe
    assert (await play(suite, suite.tasks("test")[0], [act("examine cookbook")]))[-1].observation != recipe


async def test_a_game_is_made_once_though_several_ask_for_it(tmp_path: Path) -> None:
    suite = Textworld("tw-coin_collector(level=3)", size=3, folder=str(tmp_path))
    task = suite.tasks("train")[0]
    heard = await asyncio.gather(*(play(suite, task, []) for _ in range(2)))
    assert heard[0] == heard[1]
    assert {file.name for file in tmp_path.glob("*/*")} == {"game.z8", "game.json"}  # noqa: ASYNC240
    assert len(list(tmp_path.iterdir())) == 1  # noqa: ASYNC240


async def test_a_coin_is_not_given_away_by_the_first_text(tmp_path: Path) -> None:
    suite = Textworld("tw-coin_collector(level=3)", size=3, folder=str(tmp_path))
    task = suite.tasks("train")[0]
    first, *_, last = await play(suite, task, suite.oracle(task, seed=0) or ())
    assert "coin" in first.observation.splitlines()[0] and "go " not in first.observation.splitlines()[0]
    assert last.reward == 1.0 and last.terminated


async def test_unknown_games_options_and_tasks_are_told(tmp_path: Path, suite: Textworld) -> None:
    for games, told in (("tw-cookery", "tw-cookery"), ("tw-cooking(recipes=1)", "has no setting recipes")):
        strange = Textworld(games, size=3, folder=str(tmp_path))
        with pytest.raises(EngineFailed, match=told):
            await play(strange, strange.tasks("train")[0], [])
    with pytest.raises(UnknownName, match="has no task"):
        await play(suite, replace(suite.tasks("train")[0], split="test"), [])
    with pytest.raises(BadSetting, match="names no game"):
        Textworld("")


@pytest.mark.slow
async def test_it_keeps_every_promise_of_a_suite(suite: Textworld) -> None:
    findings = await check_suite(suite, tasks_per_split=1, seeds=(0,))
    assert [finding for finding in findings if not finding.ok] == []
