"""The suite ``browsergym``: BrowserGym's own tasks, in processes of their own."""

from __future__ import annotations

import importlib.util
from base64 import b64decode

import pytest

from knowhow.environments.calls import parse_call
from knowhow.environments.errors import BadSetting, EngineFailed, MissingExtra, UnknownName
from knowhow.environments.suites.browsergym import Browsergym
from knowhow.environments.types import SPLITS, Task, ToolCall

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        importlib.util.find_spec("browsergym") is None, reason="pip install 'knowhow-agents[browsergym]'"
    ),
]


def test_ids_may_be_patterns_and_splits_share_no_seed() -> None:
    suite = Browsergym("miniwob.click-tab*, miniwob.click-test", size=30)
    kinds = {task.kind for task in suite.tasks("train")}
    assert {"miniwob.click-tab", "miniwob.click-tab-2-hard", "miniwob.click-test"} <= kinds
    ids = [task.id for split in SPLITS for task in suite.tasks(split)]
    assert len(ids) == len(set(ids)) == 30 + 10 + 10


def test_an_id_whose_task_is_always_the_same_is_in_one_split() -> None:
    suite = Browsergym("miniwob.*", fixed=True)
    kinds = [task.kind for split in SPLITS for task in suite.tasks(split)]
    assert len(kinds) == len(set(kinds)) == 125 and all(suite.tasks(split) for split in SPLITS)


def test_what_cannot_be_is_told_with_the_way_out() -> None:
    with pytest.raises(UnknownName, match=r"did you mean miniwob\.click-test"):
        Browsergym("miniwob.click-tests").tasks("train")[0]
    with pytest.raises(MissingExtra, match="pip install browsergym-nowhere"):
        Browsergym("nowhere.x").tasks("train")[0]
    with pytest.raises(BadSetting, match="names no task"):
        Browsergym(" ")


async def test_an_episode_is_played_and_won_by_the_actions_that_browsergym_knows() -> None:
    suite = Browsergym("miniwob.click-test")
    task = suite.tasks("test")[0]
    async with suite.open(task, seed=0) as env:
        seen = await env.reset()
        assert "Your task: Click the button." in seen.observation and "file:" not in seen.observation
        assert seen.commands == ('click(bid="13")',)
        assert "That failed" in (await env.step(ToolCall("click", {"bid": "99"}))).observation
        for _ in range(8):  # BrowserGym gives a click half a second, which may not do on a busy machine
            seen = await env.step(parse_call('click(bid="13")', env.tools))
            if seen.done:
                break
    assert (seen.reward, seen.terminated, seen.commands) == (1.0, True, ())


async def test_models_that_see_get_the_page_as_a_picture_where_it_is_asked_for() -> None:
    for screenshots, begins in (("always", b"\x89PNG"), ("never", b"")):
        suite = Browsergym("miniwob.click-test", screenshots=screenshots)
        async with suite.open(suite.tasks("test")[0], seed=0) as env:
            images = (await env.reset()).images
        assert b64decode("".join(images).removeprefix("data:image/png;base64,")).startswith(begins)
        assert len(images) == (screenshots == "always")
    with pytest.raises(BadSetting, match="screenshots='asked' is none of never, always"):
        Browsergym(screenshots="asked")


async def test_settings_and_tasks_of_others_are_refused_when_an_episode_is_opened() -> None:
    odd = Browsergym("miniwob.click-test", actions="bids")
    with pytest.raises(BadSetting, match="actions='bids' is no set of BrowserGym's"):
        async with odd.open(odd.tasks("test")[0], seed=0):
            pass
    with pytest.raises(UnknownName, match="has no task"):
        async with Browsergym().open(Task("miniwob.login-user/0", "browsergym", "test", "x", "x"), seed=0):
            pass
    openended = Browsergym("openended")  # it asks for a start page, which cannot be given here
    async with openended.open(openended.tasks("test")[0], seed=0) as env:
        with pytest.raises(EngineFailed, match="BrowserGym failed at reset"):
            await env.reset()
