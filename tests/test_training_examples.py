"""From trajectories to what is trained on: what counts, what is left out, and that the counts add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from random import Random

import pytest
from chores import PLAYBOOK, episodes
from doors import TASK, Doors, call, metered, script
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from knowhow.agents.episode import Agent, play
from knowhow.agents.metering import Meter
from knowhow.agents.types import Start
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Sample, StopReason, ToolCall, Trajectory
from knowhow.memory.langchain.chat_episode import Begun, episode
from knowhow.training.examples import all_turns, all_whole, turns, whole
from knowhow.training.judging import judged
from knowhow.training.pairs import pairs
from knowhow.training.replay import mixed
from knowhow.training.replies import replies
from knowhow.training.selecting import deduplicated, of_kinds, played_with, successes
from knowhow.training.types import Data, Example
from knowhow.training.unaided import all_unaided, unaided, without_memory

TAKE, UNLOCK, WAIT = call("take the red key"), call("unlock the door"), call("wait")
UNREADABLE = AIMessage(
    "", invalid_tool_calls=[{"name": "act", "args": '{"command": "wa', "id": "x1", "error": "cut off"}]
)
SOME = st.lists(st.sampled_from(range(24)), max_size=12).map(lambda places: [episodes()[place] for place in places])


async def door(*said: AIMessage, start: Start | None = None, id: str = "one") -> Trajectory:
    meter = Meter()
    agent = Agent(metered(meter, script(*said)), meter, model="a function")
    return replace(await play(Doors(), agent)(TASK, start or Start()), id=id)


def alone() -> tuple[Trajectory, ...]:
    return tuple(one for one in episodes() if one.memory_version == 0)


def lost(data: Data[object]) -> int:
    return sum(dropped.count for dropped in data.dropped)


# --- what counts ---


@settings(max_examples=30)
@given(st.sampled_from(range(24)), st.integers(0, 99))
def test_weights_stand_beside_messages_and_only_replies_weigh(place: int, seed: int) -> None:
    trajectory = episodes()[place]
    weights = [Random(f"{seed}/{step}").choice([0.0, 0.5, 1.0]) for step in range(len(trajectory.steps))]
    example = whole(trajectory, lambda _, step: weights[step])
    assert len(example.weights) == len(example.messages) == len(trajectory.messages)
    roles = [message["role"] for message in example.messages]
    assert [weight for role, weight in zip(roles, example.weights, strict=True) if role == "assistant"] == weights
    assert not any(weight for role, weight in zip(roles, example.weights, strict=True) if role != "assistant")
    by_turn = turns(trajectory, lambda _, step: weights[step])
    assert [row.weights[-1] for row in by_turn] == [weight for weight in weights if weight]
    for row in by_turn:
        assert row.messages == example.messages[: len(row.messages)] and row.messages[-1]["role"] == "assistant"
        assert len(row.weights) == len(row.messages) and not any(row.weights[:-1])
        assert row.source.step is not None and weights[row.source.step]


async def test_a_reply_counts_only_where_it_was_a_decision_that_led_to_a_step() -> None:
    started = await door(UNREADABLE, TAKE, UNLOCK, start=Start(prefix=(ToolCall("act", {"command": "wait"}),)))
    assert started.success
    assert [reply.step for reply in replies(started)] == [0, 1, 2, 3]
    assert [reply.weight for reply in replies(started)] == [0, 0, 1, 1]  # replayed, unusable, taken, unlocked
    assert [row.source.step for row in turns(started)] == [2, 3]


async def test_a_reply_that_the_episode_failed_on_does_not_count() -> None:
    trajectory = await door(TAKE, WAIT)
    cut = replace(trajectory, steps=trajectory.steps[:1], messages=trajectory.messages[:5], stop=StopReason.ERROR)
    assert cut.messages[-1]["role"] == "assistant"
    assert [(reply.step, reply.weight) for reply in replies(cut)] == [(0, 1.0), (None, 0.0)]


async def test_of_several_calls_in_one_reply_only_one_led_to_a_step() -> None:
    both = AIMessage("", tool_calls=[TAKE.tool_calls[0], {**UNLOCK.tool_calls[0], "id": "c2"}])
    trajectory = await door(both, UNLOCK)
    assert [reply.step for reply in replies(trajectory)] == [0, 1]


def test_a_chat_agents_run_counts_from_its_request_on() -> None:
    request = HumanMessage("What is in both?", id="q2")
    calls = [{"name": "read", "args": {"file": name}, "id": name} for name in ("a", "b")]
    said = [HumanMessage("Hello", id="q1"), AIMessage("Hello!"), request, AIMessage("", tool_calls=calls)]
    said += [
        ToolMessage("1", tool_call_id="a"),
        ToolMessage("2", tool_call_id="b"),
        AIMessage([{"type": "text", "text": "1 and 2"}, {"type": "text", "text": "[str-00001]."}]),
    ]
    run = episode(said, Begun("q2", 0), 1.0, id="run-1", kind="chat")
    assert len(run.steps) == 3
    expected = [(1, None, 0), (3, 0, 1), (6, 2, 1)]
    assert [(reply.place, reply.step, reply.weight) for reply in replies(run)] == expected
    assert [(reply.place, reply.step, reply.weight) for reply in replies(unaided(run))] == expected


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused_by_name(weight: float) -> None:
    with pytest.raises(BadSetting, match=r"step 0 of episode \w+ weighs"):
        whole(episodes()[0], lambda trajectory, step: weight)


def test_samples_go_along_reply_by_reply() -> None:
    trajectory = episodes()[0]
    samples = tuple(Sample((1,), (2, 3), (-0.1, -0.2)) for _ in trajectory.steps)
    sampled = replace(trajectory, samples=samples)
    assert whole(sampled).samples == samples
    assert [len(row.samples) for row in turns(sampled)] == list(range(1, len(samples) + 1))
    assert unaided(sampled).samples == samples  # it had no memory
    taught = replace(next(one for one in episodes() if one.cited), samples=samples)
    assert unaided(taught).samples == ()  # its prompts were others


def test_an_episode_without_messages_is_left_out_and_counted() -> None:
    some = [episodes()[0], episodes()[1].without_labels()]
    for made in (all_whole(some), all_turns(some)):
        assert [(one.count, one.what) for one in made.dropped] == [(1, "episodes")]
        assert {row.source.trajectory for row in made.rows} == {some[0].id}


# --- without memory ---


def test_without_memory_the_prompt_is_that_of_an_agent_without_one() -> None:
    data = all_unaided(episodes())
    assert len(data.rows) == len(episodes()) and not data.dropped
    first, *others = {one.messages[0]["content"] for one in data.rows}
    assert first == alone()[0].messages[0]["content"] and not others
    told = [message for one in data.rows for message in one.messages[1:]]
    assert not any("[str-0" in message["content"] or "[mec-0" in message["content"] for message in told)
    cited = next(one for one in episodes() if one.cited)
    plain = unaided(cited)
    assert PLAYBOOK.strip() in cited.messages[0]["content"]
    assert any(f"[{cited.cited[0]}]" in message["content"] for message in cited.messages[2:])
    assert [message for message in plain.messages if message["role"] == "tool"] == [
        message for message in cited.messages if message["role"] == "tool"
    ]
    assert [reply.step for reply in replies(plain)] == [reply.step for reply in replies(cited)]  # still recognised


async def test_replies_without_a_call_are_recognised_without_their_citations_too() -> None:
    plain = unaided(await door(AIMessage("I follow [str-00001], and wait."), TAKE, UNLOCK))
    assert plain.messages[2]["content"] == "I follow, and wait." == plain.steps[0].said
    assert [(reply.step, reply.weight) for reply in replies(plain)] == [(0, 0.0), (1, 1.0), (2, 1.0)]


def test_what_cannot_be_told_without_memory_is_said() -> None:
    trajectory = episodes()[0]
    skilled = replace(trajectory.steps[0], call=ToolCall("skill_clean", {"thing": "mug 1"}))
    with pytest.raises(BadSetting, match="ability that memory offered"):
        unaided(replace(trajectory, steps=(skilled, *trajectory.steps[1:])))
    other = ({"role": "system", "content": "You are a pirate."}, *trajectory.messages[1:])
    with pytest.raises(BadSetting, match="You are a pirate"):
        without_memory(other)
    left = all_unaided([trajectory, replace(trajectory, messages=other)])
    assert (len(left.rows), lost(left)) == (1, 1)
    assert without_memory(trajectory.messages[1:]) == trajectory.messages[1:]


# --- which episodes ---


@settings(max_examples=40)
@given(SOME, st.integers(0, 3), st.integers(0, 9))
def test_successes_are_capped_by_task_and_counted(some: Sequence[Trajectory], cap: int, seed: int) -> None:
    chosen = successes(some, cap=cap, seed=seed)
    assert len(chosen.rows) + lost(chosen) == len(some)
    assert chosen == successes(some, cap=cap, seed=seed)
    assert all(one.success for one in chosen.rows)
    of_task = Counter(one.task.id for one in some if one.success)
    assert Counter(one.task.id for one in chosen.rows) == {task: min(cap or n, n) for task, n in of_task.items()}
    for task in of_task if cap else ():
        steps = sorted(len(one.steps) for one in some if one.success and one.task.id == task)
        assert sorted(len(one.steps) for one in chosen.rows if one.task.id == task) == steps[:cap]


def test_a_withheld_reward_is_no_success_and_a_test_task_teaches_nothing() -> None:
    trajectory = episodes()[0]
    hidden = replace(trajectory, reward=None)
    tested = replace(trajectory, task=replace(trajectory.task, split="test"))
    for choose in (successes, pairs, judged):
        with pytest.raises(BadSetting, match=f"{trajectory.id}.*test split"):
            choose([tested])
    for choose in (successes, judged):
        with pytest.raises(BadSetting, match=f"reward of episode {trajectory.id} is withheld"):
            choose([hidden])
    with pytest.raises(BadSetting, match="withheld"):
        pairs([hidden, trajectory])
    for make in (whole, turns):
        with pytest.raises(BadSetting, match="test split"):
            make(tested)
    assert whole(hidden).source.reward is None


@settings(max_examples=30)
@given(SOME)
def test_what_is_stale_is_left_out_and_counted(some: Sequence[Trajectory]) -> None:
    fresh = played_with(some, memory_version=1, model="novice")
    assert list(fresh.rows) == [one for one in some if one.memory_version == 1]
    assert len(fresh.rows) + lost(fresh) == len(some)
    none = played_with(some, model="another")
    assert not none.rows and lost(none) == len(some)
    assert played_with(some) == Data(tuple(some))
    clean = of_kinds(some, ["clean"])
    assert all(one.task.kind == "clean" for one in clean.rows) and len(clean.rows) + lost(clean) == len(some)


@settings(max_examples=20)
@given(SOME)
def test_nothing_is_in_it_twice(some: Sequence[Trajectory]) -> None:
    every = all_turns(some)
    once = deduplicated(every.rows)
    assert len(once.rows) + lost(once) == len(every.rows)
    assert {(row.source.trajectory, row.source.step) for row in once.rows} >= {
        (row.source.trajectory, row.source.step) for row in deduplicated(once.rows).rows
    }
    assert lost(deduplicated(once.rows)) == 0 and lost(deduplicated([*once.rows, *once.rows])) == len(once.rows)


async def test_the_ids_of_calls_make_no_difference() -> None:
    other = AIMessage("", tool_calls=[{**TAKE.tool_calls[0], "id": "another"}])
    rows = all_whole([await door(TAKE, UNLOCK), await door(other, UNLOCK), await door(WAIT, TAKE, UNLOCK)]).rows
    assert rows[0].messages != rows[1].messages
    assert [(one.why, one.count) for one in deduplicated(rows).dropped] == [("the same as another", 1)]


# --- pairs, judged replies, replay ---


def test_a_pair_parts_at_one_prompt() -> None:
    plain = all_unaided(episodes()).rows
    data = pairs(plain, cap=0)
    assert len(data.rows) == 12  # of each task and seed, the one with the playbook and the one without
    by_id = {one.id: one for one in plain}
    for pair in data.rows:
        better, worse = by_id[pair.source.trajectory], by_id[pair.rejected_source.trajectory]
        assert better.success and not worse.success and better.seed == worse.seed and better.task == worse.task
        step = pair.source.step
        assert step is not None and step == pair.rejected_source.step
        assert better.steps[step].call != worse.steps[step].call
        assert [s.call for s in better.steps[:step]] == [s.call for s in worse.steps[:step]]
        assert [m["content"] for m in pair.prompt] == [m["content"] for m in worse.messages[: len(pair.prompt)]]
        assert pair.chosen["role"] == pair.rejected["role"] == "assistant" != pair.prompt[-1]["role"]
    compared = sum(a.success != b.success or (a.success and len(a.steps) != len(b.steps))
                   for a, b in combinations(plain, 2) if a.task == b.task)  # fmt: skip
    assert len(data.rows) + lost(data) == compared


def test_memory_in_the_prompts_leaves_no_pair() -> None:
    data = pairs(episodes())
    assert not data.rows and {one.why for one in data.dropped} == {"their prompts differ, by memory or by another seed"}


async def test_of_two_successes_the_shorter_is_the_better_and_failures_of_the_engine_are_none() -> None:
    short, long = await door(TAKE, UNLOCK, id="short"), await door(WAIT, TAKE, UNLOCK, id="long")
    failed = replace(await door(call("take the green key"), UNLOCK, id="failed"), stop=StopReason.ERROR)
    assert not failed.success
    data = pairs([long, failed, short])
    (pair,) = data.rows
    assert (pair.source.trajectory, pair.rejected_source.trajectory) == ("short", "long")
    assert "take the red key" in str(pair.chosen) and "wait" in str(pair.rejected)
    assert [(one.why, one.what) for one in data.dropped] == [("cut off by an error", "episodes")]
    assert [(one.why, one.count) for one in pairs([short, replace(short, reward=0.0)]).dropped] == [
        ("they never part", 1)
    ]


def test_pairs_are_bounded_by_task_those_of_a_seed_first_and_repeatable() -> None:
    plain = all_unaided(episodes()).rows
    some = pairs(plain, cap=1, seed=3)
    assert len({pair.source.task for pair in some.rows}) == len(some.rows) == 6
    assert some == pairs(plain, cap=1, seed=3)
    starts = [(pair.source.task, pair.source.trajectory) for pair in some.rows]
    others = [[(one.source.task, one.source.trajectory) for one in pairs(plain, cap=1, seed=n).rows] for n in range(8)]
    assert starts in others and any(starts != other for other in others)


@settings(max_examples=20)
@given(SOME, st.integers(0, 4), st.booleans(), st.integers(0, 9))
def test_judged_replies_are_those_that_count(some: Sequence[Trajectory], cap: int, even: bool, seed: int) -> None:
    data = judged(some, cap=cap, balanced=even, seed=seed)
    assert data == judged(some, cap=cap, balanced=even, seed=seed)
    assert len(data.rows) + lost(data) == sum(len(turns(one)) for one in some)
    good = sum(row.good for row in data.rows)
    assert not even or good * 2 == len(data.rows)
    for row in data.rows:
        assert row.good == (row.source.reward == 1) and row.reply["role"] == "assistant"


@settings(max_examples=40)
@given(st.integers(0, 12), st.floats(0, 3), st.integers(0, 9))
def test_replay_takes_of_every_old_kind_alike(number: int, ratio: float, seed: int) -> None:
    new, old = _rows()[:number], _rows()[12:]
    data = mixed(new, old, ratio, seed)
    assert data == mixed(new, old, ratio, seed)
    assert len(data.rows) + lost(data) == len(new) + len(old)
    replayed = [row for row in data.rows if row in old]
    assert len(replayed) == min(round(ratio * number), len(old)) and all(row in data.rows for row in new)
    kinds = Counter(row.source.kind for row in replayed)
    assert not kinds or max(kinds.values()) - min(kinds[row.source.kind] for row in old) <= 1


def _rows() -> tuple[Example, ...]:
    return all_whole(episodes()).rows


def test_a_negative_ratio_or_cap_is_refused() -> None:
    with pytest.raises(BadSetting, match="-1"):
        mixed([], [], -1)
    for choose in (successes, pairs, judged):
        with pytest.raises(BadSetting, match="-2"):
            choose([], cap=-2)


def test_what_each_step_left_out_is_kept_in_order() -> None:
    data = (
        Data(episodes())
        .then(lambda some: played_with(some, memory_version=1))
        .then(lambda some: successes(some, cap=1))
        .then(all_unaided)
        .then(all_whole)
        .then(deduplicated)
    )
    assert [one.why.split()[0] for one in data.dropped] == ["played", "over"]
    assert len(data.rows) + lost(data) == len(episodes())
