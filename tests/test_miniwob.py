"""The suite ``miniwob``, on the pages themselves in a real browser."""

from __future__ import annotations

import base64
import importlib.util
import shutil
from collections.abc import Sequence
from dataclasses import replace

import pytest
from openai_server import OpenAIServer, Reply

from knowhow.agents.episode import Agent
from knowhow.agents.episode import play as played
from knowhow.agents.metering import Meter
from knowhow.agents.model import load_model
from knowhow.agents.types import Start
from knowhow.environments.browser.executable import SYSTEM
from knowhow.environments.calls import parse_call
from knowhow.environments.check import check_suite
from knowhow.environments.errors import BadSetting, UnknownName
from knowhow.environments.miniwob import goals, pages, solving
from knowhow.environments.suites.miniwob import Miniwob
from knowhow.environments.types import SPLITS, Feedback, Task

installed = importlib.util.find_spec("playwright") is not None and importlib.util.find_spec("miniwob") is not None
needs_browser = pytest.mark.skipif(
    not installed or not any(map(shutil.which, SYSTEM)), reason="pip install 'knowhow-agents[web]', and Chromium"
)
pytestmark = [pytest.mark.browser, needs_browser]


async def play(suite: Miniwob, task: Task, calls: Sequence[str]) -> list[Feedback]:
    async with suite.open(task, seed=0) as env:
        said = [await env.reset()]
        for call in calls:
            said.append(await env.step(parse_call(call, env.tools)))
        return said


def test_every_page_is_there_and_no_seed_is_in_two_splits() -> None:
    suite = Miniwob()
    tasks = {split: suite.tasks(split) for split in SPLITS}
    assert len({task.kind for task in tasks["train"]}) == len(goals.kinds()) == 130
    assert len({task.id for split in SPLITS for task in tasks[split]}) == sum(map(len, tasks.values())) > 5000
    assert len({task.kind for task in tasks["train"][:130]}) == 130, "one of each in turn"
    assert tasks["train"][0].goal == "Click on the numbers in ascending order."


def test_pages_are_chosen_by_name_or_pattern() -> None:
    assert {task.kind for task in Miniwob("click-tab, enter-*").tasks("test")} >= {"click-tab", "enter-text"}
    with pytest.raises(UnknownName, match="'click-tob'; did you mean click-tab"):
        Miniwob("click-tob")
    suite = Miniwob("click-tab")
    with pytest.raises(UnknownName, match="has no task 'click-tab-69'"):
        suite.oracle(Task("click-tab-69", "miniwob", "train", "click-tab", "x"), seed=0)
    with pytest.raises(UnknownName, match="has no task"):
        suite.oracle(replace(Miniwob("enter-text").tasks("train")[0]), seed=0)


async def test_a_page_asks_for_what_the_task_says_and_rewards_the_right_deed_alone() -> None:
    suite = Miniwob("click-button")
    task = suite.tasks("test")[0]
    name = task.goal.split('"')[1]
    first, won = await play(suite, task, [f'click(element="button {name}")'])
    assert task.goal in first.observation and "Time left" not in first.observation
    assert (won.reward, won.terminated, won.commands) == (1.0, True, ())
    other = next(call for call in first.commands or () if "button" in call and name not in call)
    *_, lost = await play(suite, task, [other])
    assert (lost.reward, lost.terminated) == (0.0, True)
    *_, gave_up = await play(suite, task, ['done(answer="")'])
    assert (gave_up.reward, gave_up.terminated) == (0.0, True)


async def test_a_model_that_sees_gets_a_screenshot_when_it_asks_for_one() -> None:
    replies = [Reply(calls=[("screenshot", {})]), Reply(calls=[("done", {"answer": ""})])]
    with OpenAIServer(lambda request, index: replies[index]) as server:
        suite, meter = Miniwob("click-shape", screenshots="asked"), Meter()
        model = load_model(f"vllm:eyes@{server.url}", meter=meter)
        episode = await played(suite, Agent(model, meter))(suite.tasks("test")[0], Start())
        await model.aclose()
    assert [len(step.feedback.images) for step in episode.steps] == [1, 0] and not episode.first.images
    asked, seeing = server.requests
    assert "screenshot" in [tool["function"]["name"] for tool in asked["tools"]]
    assert [message["role"] for message in seeing["messages"]] == ["system", "user", "assistant", "tool", "user"]
    text, image = seeing["messages"][-1]["content"]
    assert text["type"] == "text" and image["image_url"]["url"] == episode.steps[0].feedback.images[0]
    kind, _, packed = image["image_url"]["url"].partition(",")
    png = base64.b64decode(packed)
    assert kind == "data:image/png;base64" and png.startswith(b"\x89PNG")
    assert tuple(int.from_bytes(png[at : at + 4]) for at in (16, 20)) == pages.SIZE


async def test_screenshots_can_come_with_every_look_and_are_the_same_for_the_same_page() -> None:
    suite = Miniwob("click-shape", screenshots="always")
    task, call = suite.tasks("test")[0], 'press(key="a")'
    first, later = await play(suite, task, [call])
    assert first.images and later.images
    again, _ = await play(suite, task, [call])
    assert again.images == first.images
    with pytest.raises(BadSetting, match="'sometimes' is none of never, asked, always"):
        Miniwob(screenshots="sometimes")


async def test_the_goals_that_are_kept_are_those_of_the_pages() -> None:
    for kind in ("click-checkboxes", "email-inbox-nl-turk"):
        assert await goals.read(kind) == {
            str(seed): goals.goal(kind, seed) for split in SPLITS for seed in goals.seeds(kind, split)
        }


def test_many_pages_have_a_solver() -> None:
    assert sum(solving.solver(kind) is not None for kind in goals.kinds()) >= 40
    suite = Miniwob("bisect-angle")
    assert suite.oracle(suite.tasks("train")[0], seed=0) is None


async def test_a_solver_acts_by_names_and_says_what_it_does_not_find() -> None:
    suite = Miniwob("click-button")
    task = suite.tasks("test")[0]
    calls = suite.oracle(task, seed=0)
    assert [(call.name, call.arguments["element"]) for call in calls or ()] == [
        ("click", f"button {task.goal.split(chr(34))[1]}")
    ]
    close, visit = solving.solver("click-dialog"), pages.visit("click-button", 0, task.goal)
    assert close is not None
    with pytest.raises(LookupError, match="the page has 0 of button 'Close', not 1, after 0 calls"):
        await solving.solved(close, visit)


@pytest.mark.slow
async def test_it_keeps_every_promise_of_a_suite() -> None:
    findings = await check_suite(Miniwob("enter-text"), tasks_per_split=1, seeds=(0,))
    assert [finding for finding in findings if not finding.ok] == []
