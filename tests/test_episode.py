"""One episode as a graph: what the model reads, what its replies do, and that whatever fails is data."""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import pairwise

import pytest
from doors import A_CALL, TASK, Door, Doors, call, metered, red_key, script
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from making import LOST

from knowhow.agents.episode import Agent, play
from knowhow.agents.metering import Budget, Meter
from knowhow.agents.rollout import Job, rollout
from knowhow.agents.types import Query, Recall, Recalled, Start, Turn, nothing
from knowhow.environments.errors import EngineFailed
from knowhow.environments.text_world import TextWorld
from knowhow.environments.types import Environment, StopReason, Suite, Task, ToolCall, Trajectory

TAKE, UNLOCK, WAIT = call("take the red key"), call("unlock the door"), call("wait")
UNREADABLE = AIMessage(
    "", invalid_tool_calls=[{"name": "act", "args": '{"command": "wa', "id": "x1", "error": "cut off"}]
)


async def played(
    reply: Callable[[Turn], AIMessage],
    *,
    suite: Suite | None = None,
    task: Task = TASK,
    start: Start | None = None,
    meter: Meter | None = None,
    recall: Recall = nothing,
) -> Trajectory:
    meter = meter or Meter()
    agent = Agent(metered(meter, reply), meter, recall, model="a function", memory_version=3, tag="test")
    return await play(suite or Doors(), agent)(task, start or Start())


def observed(trajectory: Trajectory) -> list[str]:
    return [step.feedback.observation for step in trajectory.steps]


async def test_an_episode_ends_with_the_task_and_keeps_everything_that_happened() -> None:
    won = await played(script(TAKE, UNLOCK))
    assert (won.stop, won.reward, won.success, won.error) == (StopReason.TERMINATED, 1.0, True, "")
    assert [step.call for step in won.steps] == [
        ToolCall("act", {"command": "take the red key"}),
        ToolCall("act", {"command": "unlock the door"}),
    ]
    assert observed(won) == ["You hold the red key.", "It opens."]
    assert [message["role"] for message in won.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
    ]
    assert won.usage == A_CALL + A_CALL + replace(A_CALL, calls=2, prompt_tokens=0, completion_tokens=0)
    lost = await played(script(TAKE, UNLOCK), start=Start(seed=1))
    assert (lost.stop, lost.reward, lost.success) == (StopReason.TERMINATED, 0.0, False)


# --- what a reply may get wrong ---


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (UNREADABLE, "could not be read: cut off"),
        (AIMessage("I think I shall wait."), "held no tool call"),
        (call("wait", name="walk"), "There is no tool 'walk'. The tools are: act."),
        (AIMessage("", tool_calls=[{"name": "act", "args": {}, "id": "x1"}]), "command"),
        (AIMessage("", tool_calls=[{"name": "act", "args": {"command": 7}, "id": "x1"}]), "must be of type string"),
        (AIMessage("", tool_calls=[{"name": "act", "args": {"command": "wait", "how": "long"}, "id": "x1"}]), "how"),
    ],
    ids=["unreadable", "no call", "unknown tool", "missing argument", "wrong type", "unknown argument"],
)
async def test_an_unusable_reply_is_explained_to_the_model_and_the_episode_goes_on(reply: AIMessage, told: str) -> None:
    turns: list[Turn] = []
    replies = script(reply, TAKE, UNLOCK)

    def model(turn: Turn) -> AIMessage:
        turns.append(turn)
        return replies(turn)

    trajectory = await played(model)
    assert trajectory.success
    bad = trajectory.steps[0]
    assert bad.call is None and told in bad.feedback.observation
    assert told in turns[1].messages[-1].text
    assert "- take the red key" in turns[1].messages[-1].text  # what is possible is told again
    asked = {made["id"] for made in (*reply.tool_calls, *reply.invalid_tool_calls)}
    assert {m.tool_call_id for m in turns[1].messages if isinstance(m, ToolMessage)} == asked


async def test_three_unusable_replies_in_a_row_end_the_episode() -> None:
    trajectory = await played(script(UNREADABLE))
    assert (trajectory.stop, len(trajectory.steps), trajectory.reward) == (StopReason.NO_CALL, 3, 0.0)


async def test_a_usable_reply_in_between_starts_the_count_again() -> None:
    trajectory = await played(script(UNREADABLE, UNREADABLE, TAKE, UNREADABLE, UNLOCK))
    assert trajectory.stop is StopReason.TERMINATED and trajectory.success


async def test_of_several_calls_in_one_reply_the_first_counts_and_all_are_answered() -> None:
    turns: list[Turn] = []
    both = AIMessage("", tool_calls=[TAKE.tool_calls[0], {**UNLOCK.tool_calls[0], "id": "c2"}])
    replies = script(both, UNLOCK)

    def model(turn: Turn) -> AIMessage:
        turns.append(turn)
        return replies(turn)

    trajectory = await played(model)
    assert observed(trajectory) == ["You hold the red key.", "It opens."]
    first, second = turns[1].messages[-2:]
    assert isinstance(first, ToolMessage) and isinstance(second, ToolMessage)
    assert (first.tool_call_id, second.tool_call_id) == ("c1", "c2")
    assert "You hold the red key." in first.text and "one call a turn" in second.text


async def test_a_command_that_the_world_refuses_is_an_answer_like_any_other() -> None:
    trajectory = await played(script(call("sing"), TAKE, UNLOCK))
    assert observed(trajectory)[0] == "Nothing happens." and trajectory.success


# --- limits and failures ---


async def test_the_suites_limit_of_steps_ends_it() -> None:
    trajectory = await played(script(WAIT))
    assert (trajectory.stop, len(trajectory.steps)) == (StopReason.MAX_STEPS, Doors.max_steps)


async def test_a_used_up_budget_ends_it_unfinished_and_not_one_call_more_is_made() -> None:
    meter = Meter(Budget(calls=2))
    trajectory = await played(script(WAIT), meter=meter)
    assert (trajectory.stop, len(trajectory.steps)) == (StopReason.BUDGET, 2)
    assert meter.total.calls == trajectory.usage.calls == 2


async def test_a_model_that_fails_is_an_error_with_the_steps_so_far() -> None:
    replies = script(TAKE, UNLOCK)

    def model(turn: Turn) -> AIMessage:
        if len(turn.messages) > 2:
            raise ConnectionError("the line is dead")
        return replies(turn)

    trajectory = await played(model)
    assert trajectory.stop is StopReason.ERROR and trajectory.error.startswith("ConnectionError: the line is dead (")
    assert observed(trajectory) == ["You hold the red key."]
    assert trajectory.usage.calls == 2  # the one that failed was sent too


async def test_a_recall_that_fails_is_an_error() -> None:
    async def forget(query: Query) -> Recalled:
        raise LookupError("nothing comes to mind")

    trajectory = await played(red_key, recall=forget)
    assert trajectory.stop is StopReason.ERROR and trajectory.error.startswith("LookupError: nothing comes to mind (")


class Cursed(Doors):
    """Fails where it is told to."""

    def __init__(self, where: str) -> None:
        self.where = where

    def world(self, task: Task, *, seed: int) -> TextWorld:
        if task.id == TASK.id and self.where == "open":
            raise OSError("the hinges are rusty")
        return _CursedDoor(self.where) if task.id == TASK.id else Door("red")

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        async with super().open(task, seed=seed) as env:
            yield env
        if task.id == TASK.id and self.where == "close":
            raise OSError("the hinges are rusty")


class _CursedDoor(Door):
    def __init__(self, where: str) -> None:
        super().__init__("red")
        self.where = where

    def begin(self) -> str:
        if self.where == "reset":
            raise OSError("the hinges are rusty")
        return super().begin()

    def do(self, command: str) -> tuple[str, float, bool]:
        if self.where == "step" and command == "unlock the door":
            raise OSError("the hinges are rusty")
        return super().do(command)


@pytest.mark.parametrize("where", ["open", "reset", "step", "close"])
async def test_a_world_that_raises_is_an_error_of_its_own_episode_and_the_others_go_on(where: str) -> None:
    meter = Meter()
    attempt = play(Cursed(where), Agent(metered(meter, red_key), meter))
    tasks = Doors().tasks("train")[:4]
    done = await rollout(attempt, [Job(index, task, 0) for index, task in enumerate(tasks)], concurrency=2)
    assert [one.stop for one in done] == [StopReason.ERROR, *[StopReason.TERMINATED] * 3]
    assert re.fullmatch(r"OSError: the hinges are rusty \(test_episode\.py:\d+\)", done[0].error)
    assert not done[0].success
    assert all(one.success for one in done[1:])
    assert sum(one.usage.calls for one in done) == meter.total.calls


class Frail(Doors):
    """Its engine breaks down at the last call of the first so many episodes."""

    def __init__(self, failures: int) -> None:
        self.failures, self.opened = failures, 0

    def world(self, task: Task, *, seed: int) -> TextWorld:
        self.opened += 1
        return _FrailDoor(broken=self.opened <= self.failures)


class _FrailDoor(Door):
    def __init__(self, *, broken: bool) -> None:
        super().__init__("red")
        self.broken = broken

    def do(self, command: str) -> tuple[str, float, bool]:
        if self.broken and command == "unlock the door":
            raise EngineFailed("the browser is gone")
        return super().do(command)


async def test_an_episode_whose_engine_failed_is_played_again_and_all_its_calls_are_counted() -> None:
    suite = Frail(failures=2)
    won = await played(red_key, suite=suite)
    assert won.success and (won.error, won.attempts, suite.opened) == ("", 3, 3)
    assert len(won.steps) == 2 and won.usage.calls == 6


async def test_an_engine_that_always_fails_is_an_error_after_three_tries() -> None:
    suite = Frail(failures=99)
    lost = await played(red_key, suite=suite)
    assert (lost.stop, lost.error) == (StopReason.ERROR, "EngineFailed: the browser is gone")
    assert lost.attempts == suite.opened == 3


async def test_cancelling_is_no_failure_but_goes_through() -> None:
    started = asyncio.Event()

    async def never(turn: Turn) -> AIMessage:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    episode = asyncio.ensure_future(play(Doors(), Agent(never, Meter()))(TASK, Start()))
    await started.wait()
    episode.cancel()
    with pytest.raises(asyncio.CancelledError):
        await episode


# --- what the model reads ---


async def remember(query: Query) -> Recalled:
    return Recalled("[str-00007] Take the key first.\n[mec-00001] Keys open doors.", ("str-00007", "mec-00001"), ("x",))


async def test_every_turn_begins_with_all_that_the_last_one_read_so_that_prefix_caches_hit() -> None:
    turns: list[Turn] = []
    replies = script(UNREADABLE, WAIT, TAKE, UNLOCK)

    def model(turn: Turn) -> AIMessage:
        turns.append(turn)
        return replies(turn)

    await played(model, recall=remember)
    assert len(turns) == 4
    for earlier, later in pairwise(turns):
        assert later.messages[: len(earlier.messages)] == earlier.messages
        assert later.tools == earlier.tools


async def test_the_first_message_is_the_same_for_all_tasks_and_seeds_with_the_same_memory() -> None:
    turns: list[Turn] = []

    def model(turn: Turn) -> AIMessage:
        turns.append(turn)
        return red_key(turn)

    for seed, task in enumerate(Doors().tasks("train")[:3]):
        await played(model, task=task, start=Start(seed, hint=f"hint {seed}"), recall=remember)
    systems = {turn.messages[0].text for turn in turns}
    assert len(systems) == 1 and "Take the key first." in systems.pop()
    assert isinstance(turns[0].messages[0], SystemMessage)


async def test_the_task_is_told_before_the_hint_and_both_before_the_observation() -> None:
    turns: list[Turn] = []

    def model(turn: Turn) -> AIMessage:
        turns.append(turn)
        return red_key(turn)

    await played(model, start=Start(hint="The red key fits."))
    opening = turns[0].messages[1]
    assert isinstance(opening, HumanMessage)
    places = [opening.text.index(part) for part in (TASK.goal, "The red key fits.", "You stand before a door.")]
    assert places == sorted(places)
    await played(model)
    assert "earlier attempts" not in turns[-2].messages[1].text


async def test_shown_withheld_and_cited_lessons_are_recorded_and_only_shown_ones_can_be_cited() -> None:
    says = AIMessage("By [str-00007] and [str-00099].", tool_calls=TAKE.tool_calls)
    trajectory = await played(script(says, UNLOCK), recall=remember)
    assert trajectory.shown == ("str-00007", "mec-00001")
    assert trajectory.cited == ("str-00007",)
    assert trajectory.withheld == ("x",)
    assert trajectory.memory_version == 3


# --- prefixes, names, rollouts ---


async def test_a_prefix_is_replayed_without_the_model_and_reads_as_if_it_had_made_the_calls() -> None:
    turns: list[Turn] = []

    def model(turn: Turn) -> AIMessage:
        turns.append(turn)
        return UNLOCK

    take = ToolCall("act", {"command": "take the red key"})
    trajectory = await played(model, start=Start(prefix=(take,)))
    assert trajectory.success and trajectory.usage.calls == 1
    assert [message.type for message in turns[0].messages] == ["system", "human", "ai", "tool"]
    assert turns[0].messages[2].tool_calls[0]["args"] == take.arguments  # type: ignore[attr-defined]
    assert "You hold the red key." in turns[0].messages[3].text


async def test_a_prefix_that_ends_the_episode_leaves_nothing_to_decide() -> None:
    commands = ("take the red key", "unlock the door", "wait")
    prefix = tuple(ToolCall("act", {"command": command}) for command in commands)
    trajectory = await played(red_key, start=Start(prefix=prefix))
    assert (trajectory.stop, trajectory.success, trajectory.usage.calls) == (StopReason.TERMINATED, True, 0)
    assert len(trajectory.steps) == 2
    waiting = Start(prefix=(ToolCall("act", {"command": "wait"}),) * 9)
    assert (await played(red_key, start=waiting)).stop is StopReason.MAX_STEPS


async def test_the_same_episode_has_the_same_name_and_another_one_another() -> None:
    starts = [Start(), Start(), Start(seed=1), Start(hint="x"), Start(prefix=(ToolCall("act", {"command": "wait"}),))]
    names = [(await played(red_key, start=start)).id for start in starts]
    names.append((await played(red_key, task=Doors().tasks("train")[1])).id)
    assert names[0] == names[1]
    assert len(set(names)) == 5


async def test_a_rollout_keeps_its_order_and_its_limit_and_tells_of_each_episode_as_it_ends() -> None:
    meter, running, most, ended, full = Meter(), 0, 0, [], asyncio.Event()

    async def slow(turn: Turn) -> AIMessage:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 4:
            full.set()
        await asyncio.wait_for(full.wait(), 60)  # nobody goes on before four are there
        await asyncio.sleep(0.002 * (turn.seed % 3))
        running -= 1
        return red_key(turn)

    jobs = [Job(index, task, index) for index, task in enumerate(Doors().tasks("train")[:12])]
    done = await rollout(
        play(Doors(), Agent(slow, meter)), jobs, concurrency=4, on_done=lambda job, t: ended.append(job.index)
    )
    assert [one.task for one in done] == [job.task for job in jobs]
    assert sorted(ended) == list(range(12))
    assert most == 4


async def test_a_used_up_budget_starts_no_further_episode() -> None:
    meter = Meter(Budget(calls=7))
    jobs = [Job(index, task, 0) for index, task in enumerate(Doors().tasks("train"))]
    done = await rollout(play(Doors(), Agent(metered(meter, red_key), meter)), jobs, concurrency=2)
    assert meter.total.calls == 7
    assert len(done) < 7 and done[-1].stop is StopReason.BUDGET
    assert sum(one.success for one in done) == 3


async def test_what_storing_an_episode_raises_ends_the_rollout_at_once() -> None:
    meter, stored = Meter(), []

    def store(job: Job, trajectory: Trajectory) -> None:
        stored.append(job.index)
        if len(stored) == 3:
            raise OSError("the disk is full")

    jobs = [Job(index, task, 0) for index, task in enumerate(Doors().tasks("train"))]
    with pytest.raises(OSError, match="the disk is full"):
        await rollout(play(Doors(), Agent(metered(meter, red_key), meter)), jobs, concurrency=2, on_done=store)
    assert len(stored) in (3, 4)  # an episode that ended in the same moment is stored, too


async def test_a_cancellation_that_an_episode_swallows_ends_the_rollout_all_the_same() -> None:
    begun, ended = asyncio.Event(), list[int]()

    async def deaf(task: Task, start: Start) -> Trajectory:
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return LOST

    jobs = [Job(index, task, index) for index, task in enumerate(Doors().tasks("train")[:12])]
    work = asyncio.create_task(rollout(deaf, jobs, concurrency=2, on_done=lambda job, t: ended.append(job.index)))
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(work, 30)
    assert ended == []


async def test_rollouts_that_overlap_leave_the_collection_of_garbage_as_it_was() -> None:
    usual, meter = gc.get_threshold(), Meter()
    attempt = play(Doors(), Agent(metered(meter, red_key), meter))
    jobs = [Job(number, TASK, number) for number in range(6)]
    await asyncio.gather(*(rollout(attempt, jobs[: 2 * wide], concurrency=wide) for wide in (1, 2, 3)))
    assert gc.get_threshold() == usual
