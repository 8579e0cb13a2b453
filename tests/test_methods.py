"""Methods and searches: what each does with what it wraps, that they nest, and that no label leaks into them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from doors import TASK, Doors, OpenDoors, call, metered, red_key
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from knowhow.agents.compose import compose
from knowhow.agents.episode import Agent
from knowhow.agents.metering import Budget, Meter
from knowhow.agents.methods.self_consistency import self_consistency
from knowhow.agents.methods.self_refine import self_refine
from knowhow.agents.types import Start, Turn
from knowhow.environments.errors import BadSetting, UnknownName
from knowhow.environments.types import StopReason, Suite, Trajectory

OWN_SEARCHES = """
from dataclasses import replace

def peeking(attempt, ask):
    async def search(task, start):
        first = await attempt(task, start)
        return first if first.success else await attempt(task, replace(start, seed=0))
    return search

def curious(attempt, ask):
    async def search(task, start):
        first = await attempt(task, start)
        told = [first.reward, first.stop, first.first.reward, *(step.feedback.reward for step in first.steps)]
        ended = [step.feedback.done for step in first.steps]
        await attempt(task, replace(start, seed=start.seed + 1, hint=repr((told, ended))))
        return first
    return search

def inventing(attempt, ask):
    async def search(task, start):
        return replace(await attempt(task, start), id="a better one", reward=1.0)
    return search

def idle(attempt, ask):
    async def search(task, start):
        raise RuntimeError("no idea")
    return search
"""

OWN_METHOD = """
from langchain_core.messages import AIMessage

def stubborn(decide, *, command="wait"):
    async def decided(turn):
        await decide(turn)
        return AIMessage("", tool_calls=[{"name": "act", "args": {"command": command}, "id": "c"}])
    return decided
"""


class Asked:
    """A model that plays ``red_key``, gives this verdict as a judge, and remembers every turn."""

    def __init__(self, best: int = 2, *, achieved: bool = False) -> None:
        self.turns: list[Turn] = []
        self._verdict = json.dumps({"reasoning": "", "best": best, "achieved": achieved})

    def __call__(self, turn: Turn) -> AIMessage:
        self.turns.append(turn)
        if turn.tools:
            return red_key(turn)
        if turn.messages[-1].text.startswith("# Judge"):
            return AIMessage(self._verdict)
        return AIMessage("Take the other key.")

    @property
    def prompts(self) -> list[str]:
        """What was asked outside episodes."""
        return [turn.messages[-1].text for turn in self.turns if not turn.tools]


async def searched(
    method: str, model: Callable[[Turn], AIMessage], suite: Suite, seed: int = 0, meter: Meter | None = None
) -> Trajectory:
    meter = meter or Meter()
    return await compose(suite, Agent(metered(meter, model), meter), method)(TASK, Start(seed))


def own(tmp_path: Path, source: str, name: str) -> str:
    file = tmp_path / "own.py"
    file.write_text(source)
    return f"{file}:{name}"


# --- methods ---


async def test_self_refine_asks_for_one_critique_and_stops_at_stop() -> None:
    replies = [call("wait"), AIMessage(" Stop. "), AIMessage("never asked")]
    turns: list[Turn] = []

    async def decide(turn: Turn) -> AIMessage:
        turns.append(turn)
        return replies.pop(0)

    reply = await self_refine(decide, rounds=3)(turn_of("a task"))
    assert reply.tool_calls[0]["args"] == {"command": "wait"}
    assert len(turns) == 2
    assert turns[1].tools == turns[0].tools and not turns[1].calls  # the same beginning, for the prefix caches
    assert turns[0].calls and "# Critique" in turns[1].messages[-1].text


async def test_self_refine_rewrites_what_was_criticised_until_its_rounds_are_over() -> None:
    replies = [call("one"), AIMessage("Wrong."), call("two"), AIMessage("Wrong again."), call("three")]
    turns: list[Turn] = []

    async def decide(turn: Turn) -> AIMessage:
        turns.append(turn)
        return replies.pop(0)

    reply = await self_refine(decide, rounds=2)(turn_of("a task"))
    assert reply.tool_calls[0]["args"] == {"command": "three"}
    assert not replies
    rewrite = turns[2]
    assert rewrite.tools and "Wrong." in rewrite.messages[-2].text
    answered = [message for message in rewrite.messages if isinstance(message, ToolMessage)]
    assert [message.tool_call_id for message in answered] == ["c1"]  # a provider refuses calls without an answer


async def test_self_consistency_takes_the_call_of_the_majority_and_of_equals_the_first() -> None:
    for commands, winner in ((["a", "b", "b"], "b"), (["a", "b", "c"], "a"), (["c", "a", "a", "c"], "c")):
        left = list(commands)
        seeds: list[int] = []

        async def decide(turn: Turn, left: list[str] = left, seeds: list[int] = seeds) -> AIMessage:
            seeds.append(turn.seed)
            return call(left.pop(0), say=f"sample {len(seeds)}")

        reply = await self_consistency(decide, n=len(commands))(turn_of("a task"))
        assert reply.tool_calls[0]["args"] == {"command": winner}
        assert len(set(seeds)) == len(commands)


async def test_self_consistency_counts_calls_and_not_what_is_said_beside_them() -> None:
    replies = [
        call("b", say="surely"),
        AIMessage("I give up."),
        AIMessage("I give up."),
        call("b", say="perhaps", id="other"),
        call("b"),
    ]

    async def decide(turn: Turn) -> AIMessage:
        return replies.pop(0)

    reply = await self_consistency(decide, n=5)(turn_of("a task"))
    assert reply.text == "surely"


def turn_of(text: str) -> Turn:
    return Turn((HumanMessage(text),), (Doors.tool,), seed=3)


async def test_an_own_method_in_a_file_works_by_its_path(tmp_path: Path) -> None:
    model = Asked()
    trajectory = await searched(own(tmp_path, OWN_METHOD, "stubborn") + "(command='wait')", model, Doors())
    assert {step.call.arguments["command"] for step in trajectory.steps if step.call} == {"wait"}
    assert len(model.turns) == trajectory.usage.calls == Doors.max_steps


# --- searches and the reward ---


@pytest.mark.parametrize("seed", range(2, 12))
async def test_best_of_n_takes_the_best_attempt_where_the_reward_may_be_seen(seed: int) -> None:
    model = Asked()
    trajectory = await searched("best_of_n(n=8)", model, OpenDoors(), seed)
    assert trajectory.success and trajectory.attempts == 8  # eight seeds, each an even chance
    assert model.prompts == []
    assert trajectory.usage.calls == len(model.turns) == 16


async def test_best_of_n_asks_a_judge_who_sees_no_reward_where_it_may_not() -> None:
    model = Asked()
    trajectory = await searched("best_of_n(n=3)", model, Doors())
    (prompt,) = model.prompts
    assert prompt.count("# Attempt") == 3
    assert not any(word in prompt.lower() for word in ("reward", "1.0", "success:", "achieved this"))
    assert trajectory.seed == model_seeds(model)[1]  # the one that the judge named
    assert trajectory.attempts == 3 and trajectory.usage.calls == len(model.turns) == 7
    assert trajectory.reward is not None and trajectory.stop is StopReason.TERMINATED  # labels are back outside


def model_seeds(model: Asked) -> list[int]:
    return list(dict.fromkeys(turn.seed for turn in model.turns if turn.tools))


async def test_retry_stops_at_success_where_the_reward_may_be_seen() -> None:
    model = Asked()
    trajectory = await searched("retry(n=5)", model, OpenDoors(), seed=0)
    assert trajectory.success and trajectory.attempts == 1 and model.prompts == []
    # The green key fits at first: a lost attempt, a reflection that knows of the reward, and another seed.
    model = Asked()
    trajectory = await searched("retry(n=2)", model, OpenDoors(), seed=1)
    assert trajectory.attempts == 2
    (prompt,) = model.prompts
    assert "with a reward of 0 of 1" in prompt
    hinted = [turn for turn in model.turns if turn.tools and "Take the other key." in turn.messages[1].text]
    assert len(hinted) == 2


async def test_retry_judges_itself_where_the_reward_may_not_be_seen() -> None:
    for achieved, attempts in ((True, 1), (False, 3)):
        model = Asked(1, achieved=achieved)
        trajectory = await searched("retry(n=3)", model, Doors(), seed=0)
        assert trajectory.attempts == attempts
        assert not any("reward" in prompt.lower() for prompt in model.prompts)
        assert trajectory.reward is not None


async def test_an_own_search_finds_no_label_anywhere_where_the_reward_may_not_be_seen(tmp_path: Path) -> None:
    hints = {}
    for suite in (Doors(), OpenDoors()):
        model = Asked()
        await searched(own(tmp_path, OWN_SEARCHES, "curious"), model, suite, seed=0)
        opening = next(t.messages[1].text for t in reversed(model.turns))
        hints[suite.reward_visible] = opening.partition("attempts at this task\n")[2].partition("\n")[0]
    assert hints[True].startswith("([1.0, <StopReason.TERMINATED: 'terminated'>, 0.0, 0.0, 1.0]")
    assert hints[False].startswith("([None, <StopReason.HIDDEN: 'hidden'>, 0.0, 0.0, 0.0], [False, False])")


async def test_a_search_that_reads_a_withheld_reward_fails_as_data_and_works_where_it_is_shown(tmp_path: Path) -> None:
    peeking = own(tmp_path, OWN_SEARCHES, "peeking")
    shown = await searched(peeking, Asked(), OpenDoors(), seed=1)
    assert shown.success and shown.attempts == 2
    hidden = await searched(peeking, Asked(), Doors(), seed=0)
    assert hidden.stop is StopReason.ERROR and not hidden.success
    assert "withheld" in hidden.error
    assert hidden.usage.calls == 2


async def test_a_search_cannot_hand_in_a_reward_of_its_own(tmp_path: Path) -> None:
    trajectory = await searched(own(tmp_path, OWN_SEARCHES, "inventing"), Asked(), Doors(), seed=1)
    assert trajectory.stop is StopReason.ERROR and "a better one" in trajectory.error
    assert trajectory.reward == 0.0


async def test_a_search_that_fails_before_it_plays_is_an_error_too(tmp_path: Path) -> None:
    trajectory = await searched(own(tmp_path, OWN_SEARCHES, "idle"), Asked(), Doors())
    assert (trajectory.stop, trajectory.error, trajectory.steps) == (
        StopReason.ERROR,
        "RuntimeError: no idea",
        (),
    )
    assert trajectory.task == TASK and trajectory.attempts == 0


async def test_a_budget_that_ends_within_a_search_ends_it_unfinished() -> None:
    for calls in range(1, 7):  # within an attempt, and at the judge
        meter = Meter(Budget(calls=calls))
        trajectory = await searched("best_of_n(n=3)", Asked(), Doors(), meter=meter)
        assert trajectory.stop is StopReason.BUDGET, calls
        assert meter.total.calls == trajectory.usage.calls == calls


# --- nesting and naming ---


async def test_searches_and_methods_nest_and_every_call_of_all_of_them_is_counted() -> None:
    meter, model = Meter(), Asked()
    trajectory = await searched(
        "best_of_n(n=2), retry(n=2), self_consistency(n=3)", model, Doors(), seed=0, meter=meter
    )
    acted = sum(bool(turn.tools) for turn in model.turns)
    judged = sum(prompt.startswith("# Judge") for prompt in model.prompts)
    reflected = sum(prompt.startswith("# Retry") for prompt in model.prompts)
    # Two branches, each an attempt, its own verdict, a reflection and another attempt; then one verdict over both.
    assert (acted, judged, reflected) == (2 * 2 * 2 * 3, 3, 2)
    assert trajectory.attempts == 4
    assert trajectory.usage.calls == meter.total.calls == len(model.turns)
    assert trajectory.usage.prompt_tokens == 10 * len(model.turns)
    assert trajectory.method == "best_of_n(n=2), retry(n=2), self_consistency(n=3)"


async def test_a_name_that_is_no_method_is_told_with_the_nearest_ones() -> None:
    with pytest.raises(UnknownName, match=r"no method or search 'self_consistancy'; did you mean self_consistency"):
        await searched("retry, self_consistancy(n=3)", Asked(), Doors())
    with pytest.raises(UnknownName, match=r"known: .*best_of_n.*"):
        await searched("xyzzy", Asked(), Doors())


@pytest.mark.parametrize(
    "method",
    [
        "best_of_n(n=0)",
        "retry(n=-1)",
        "retry(memory=0)",
        "best_of_n(n='four')",
        "self_consistency(n=1.5)",
        "self_refine(rounds=-1)",
        "self_consistency(m=3)",
        "best_of_n(4)",
        "retry(n=",
    ],
)
async def test_settings_that_do_not_fit_are_refused_before_any_call(method: str) -> None:
    model = Asked()
    with pytest.raises(BadSetting):
        await searched(method, model, Doors())
    assert model.turns == []
