"""The suite ``gymnasium``: BabyAI in words, and other environments by their ids."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import pytest

from knowhow.environments.check import assert_conforms
from knowhow.environments.discover import build
from knowhow.environments.errors import BadSetting, EpisodeOver, UnknownName
from knowhow.environments.suites.gymnasium import Gymnasium
from knowhow.environments.types import Feedback, Suite, ToolCall

pytestmark = [
    pytest.mark.worlds,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("gymnasium", "minigrid"))),
        reason="pip install 'knowhow-agents[worlds]'",
    ),
]

LAKE = "gymnasium(id='FrozenLake-v1', actions='left, down, right, up', options={'is_slippery': False}, goal='reach G')"


def act(command: str) -> ToolCall:
    return ToolCall("act", {"command": command})


async def play(suite: Suite, calls: Sequence[ToolCall], at: int = 0) -> list[Feedback]:
    async with suite.open(suite.tasks("test")[at], seed=0) as env:
        return [await env.reset(), *[await env.step(call) for call in calls]]


def suite_of(specification: str) -> Suite:
    suite: Suite = build("knowhow.environments.suites", specification)
    return suite


def test_levels_of_babyai_are_a_suite_whose_oracle_is_its_bot() -> None:
    assert_conforms(Gymnasium(), seeds=(0,))
    kinds = [task.kind for task in Gymnasium().tasks("train")[:5]]
    assert len(set(kinds)) == 5 and all(kind.startswith("BabyAI-") for kind in kinds)


async def test_the_bot_wins_levels_of_every_sort() -> None:
    suite = Gymnasium("BabyAI-GoToSeqS5R2-v0, BabyAI-UnlockPickup-v0, BabyAI-PutNextS6N3-v0", size=27, max_steps=300)
    for at, task in enumerate(suite.tasks("test")):
        calls = suite.oracle(task, seed=0)
        assert calls is not None and (await play(suite, calls, at))[-1].reward == 1.0


def test_where_the_bot_gives_up_there_is_no_oracle() -> None:
    suite = Gymnasium("BabyAI-KeyInBox-v0", size=3)
    assert suite.oracle(suite.tasks("test")[0], seed=0) is None


async def test_the_view_is_told_in_words_from_where_the_agent_stands() -> None:
    import gymnasium
    from minigrid.core import world_object

    from knowhow.environments.gym_text import told

    things: Any = world_object
    env: Any = gymnasium.make("MiniGrid-Empty-8x8-v0")
    env.reset(seed=0)
    world = env.unwrapped
    assert (
        told(env, None)
        == "You face east and carry nothing.\nYou see nothing but floor and walls.\nWalls: 6 ahead, 1 to the left."
    )
    world.grid.set(3, 2, things.Ball("red"))
    world.grid.set(2, 1, things.Door("blue", is_locked=True))
    assert "You see a locked blue door 1 ahead; a red ball 2 ahead and 1 to the right." in told(env, None)
    world.grid.set(2, 1, None)
    world.carrying = things.Ball("grey")
    assert told(env, None).startswith("You face east and carry a grey ball.")
    env.step(world.actions.right)
    assert told(env, None).startswith("You face south")
    assert "a red ball 1 ahead and 2 to the left" in told(env, None)


async def test_a_drawing_in_letters_is_shown_and_named_actions_move() -> None:
    suite = suite_of(LAKE)
    first, moved = await play(suite, [act("right")])
    assert first.observation == "Your task: reach G.\n[S]FFF\nFHFH\nFFFH\nHFFG\nobservation: 0"
    assert "S[F]FF" in moved.observation and moved.commands == ("left", "down", "right", "up")


async def test_a_success_is_rewarded_at_its_end_and_a_fall_is_not() -> None:
    suite = suite_of(LAKE)
    won = await play(suite, [act(way) for way in ("down", "down", "right", "right", "down", "right")])
    assert [said.reward for said in won] == [0, 0, 0, 0, 0, 0, 1] and won[-1].terminated and won[-1].commands == ()
    lost = await play(suite, [act("right"), act("down")])
    assert (lost[-1].reward, lost[-1].terminated) == (0.0, True)


async def test_a_success_may_be_that_it_lasts() -> None:
    calls = [act(str(n % 2)) for n in range(8)]
    patient = Gymnasium("CartPole-v1", options={"max_episode_steps": 8}, win=8)
    end = (await play(patient, calls))[-1]
    assert (end.reward, end.terminated, end.truncated) == (1.0, False, True)
    assert (await play(Gymnasium("CartPole-v1", options={"max_episode_steps": 8}), calls))[-1].reward == 0.0


async def test_masked_actions_are_not_offered_and_unknown_ones_change_nothing() -> None:
    suite = Gymnasium("Taxi-v4", actions="south, north, east, west, pick up, drop off", win=0)
    async with suite.open(suite.tasks("test")[0], seed=0) as env:
        first = await env.reset()
        assert first.commands is not None and 0 < len(first.commands) < 6
        said = await env.step(act("fly"))
        assert "no such action" in said.observation and said.commands == first.commands


async def test_numbers_are_actions_where_the_space_is_of_numbers() -> None:
    suite = Gymnasium("Pendulum-v1", win=0)
    first, pushed, wrong, far = await play(suite, [ToolCall("act", {"values": v}) for v in ([1.5], ["x"], [99])])
    assert first.commands is None and first.observation != pushed.observation
    assert "no such action" in wrong.observation and "no such action" in far.observation


async def test_an_environment_of_ones_own_is_played_by_its_id() -> None:
    import gymnasium

    class Dial(gymnasium.Env[int, int]):
        observation_space: Any = gymnasium.spaces.Discrete(10)
        action_space: Any = gymnasium.spaces.Discrete(3, start=-1)

        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
            super().reset(seed=seed)
            self.at = int(self.np_random.integers(2, 9))
            return self.at, {}

        def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
            self.at += action
            return self.at, float(self.at == 0), self.at == 0, False, {}

    gymnasium.register("Dial-v0", lambda **given: Dial(**given))
    try:
        suite = Gymnasium("Dial-v0", actions="down, stay, up", goal="turn the dial to 0")
        first = (await play(suite, []))[0]
        assert first.commands == ("down", "stay", "up")
        turns = int(first.observation.rsplit(" ", 1)[1])
        assert (await play(suite, [act("down")] * turns))[-1].reward == 1.0
    finally:
        del gymnasium.registry["Dial-v0"]


async def test_an_episode_is_used_once() -> None:
    suite = suite_of(LAKE)
    with pytest.raises(EpisodeOver, match="open another one"):
        await play(suite, [act("right"), act("down"), act("down")])


def test_nothing_is_printed_while_worlds_are_built(capsys: pytest.CaptureFixture[str]) -> None:
    suite = Gymnasium("BabyAI-GoToObjMaze-v0", size=15)
    assert len(list(suite.tasks("train"))) == 15
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"id": "BabyAI-GoToObi-v0"}, "did you mean BabyAI-GoToObj-v0"),
        ({"id": "FrozenLake-v1", "options": {"foo": 1}}, "'FrozenLake-v1' cannot be made: .*foo"),
        ({"id": "nowhere:Dial-v0"}, "cannot be made: .*nowhere"),
    ],
)
def test_what_cannot_be_made_is_told(settings: dict[str, Any], told: str) -> None:
    with pytest.raises((BadSetting, UnknownName), match=told):
        Gymnasium(**settings).tasks("train")[0]


async def test_actions_that_do_not_fit_are_told() -> None:
    with pytest.raises(BadSetting, match="names 2 actions; there are 4"):
        await play(Gymnasium("FrozenLake-v1", actions="left, right"), [])
    with pytest.raises(UnknownName, match="no task 'Taxi-v4/1'"):
        Gymnasium().oracle(Gymnasium("Taxi-v4").tasks("validation")[0], seed=0)
