"""Policies: what to recall, and when; any of them with any bank, and with each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import AIMessage
from making import LOST, WON, answers

from knowhow.agents.types import Query
from knowhow.environments.discover import build, names
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import StopReason, Task, Trajectory
from knowhow.evals.stage import POLICIES
from knowhow.memory.banks.playbook import Playbook
from knowhow.memory.choosing.clusters import k_means
from knowhow.memory.choosing.relevance import relevance
from knowhow.memory.choosing.surprise import Surprise
from knowhow.memory.fold import add
from knowhow.memory.policies.selective_context import shortened
from knowhow.memory.recall import recall_of
from knowhow.memory.store import Memory
from knowhow.memory.types import Item, Scored, Status

ASK = answers(lambda turn: AIMessage("nothing"))
QUERY = Query(Task("t9", "doors", "validation", "door", "open door 9"), "You stand before door 9.")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path, create=True) as opened:
        yield opened


def policy(memory: Memory, specification: str) -> Any:
    return build(POLICIES, specification, memory, ASK, None)


def scored(*scores: float) -> list[Scored]:
    return [Scored(Item(f"n-{at}", "note", f"Text {at}."), score) for at, score in enumerate(scores)]


def ids(ranked: Sequence[Scored]) -> list[str]:
    return [one.item.id for one in ranked]


def done(goal: str, won: bool, number: int = 0, kind: str = "door", **changed: Any) -> Trajectory:
    """An episode at a task of its own, without memory unless ``changed`` says otherwise."""
    end = WON if won else LOST
    task = replace(end.task, id=f"{goal} {number}", goal=goal, kind=kind)
    return replace(end, id=f"{goal} {number} {won}", task=task, **changed)


def asked(goal: str, kind: str = "door", id: str = "new") -> Query:
    return Query(Task(id, "doors", "validation", kind, goal), "")


def test_what_a_bank_puts_behind_is_no_more_relevant_than_what_stands_before_it() -> None:
    assert relevance(scored(0.3, 0.9, 0.2)).tolist() == [0.3, 0.3, 0.2]


def test_adaptive_k_cuts_at_the_largest_gap(memory: Memory) -> None:
    ranked = scored(0.9, 0.88, 0.85, 0.3, 0.28, 0.1)
    assert ids(policy(memory, "adaptive_k(more=0)")(QUERY, ranked)) == ["n-0", "n-1", "n-2"]
    assert len(policy(memory, "adaptive_k(more=2)")(QUERY, ranked)) == 5
    assert len(policy(memory, "adaptive_k(more=0, tail=0)")(QUERY, scored(0.5, 0.4, 0.35, 0.0))) == 3
    assert len(policy(memory, "adaptive_k(more=0, tail=0.4)")(QUERY, scored(0.5, 0.4, 0.35, 0.0))) == 1


@pytest.mark.parametrize("scores", [(), (0.4,), (0.4, 0.4, 0.4)])
def test_adaptive_k_leaves_what_has_no_gap(memory: Memory, scores: tuple[float, ...]) -> None:
    ranked = scored(*scores)
    assert list(policy(memory, "adaptive_k(more=0)")(QUERY, ranked)) == ranked


def test_diversity_puts_what_was_said_before_behind_what_was_not(memory: Memory) -> None:
    texts = ["Take the red key.", "Take the red key now.", "Take the red key, always.", "Listen at the wall for steps."]
    ranked = [Scored(Item(f"n-{at}", "note", text), 0.9 - at / 100) for at, text in enumerate(texts)]
    assert ids(policy(memory, "diversity(weight=0.5)")(QUERY, ranked))[:2] == ["n-0", "n-3"]
    assert ids(policy(memory, "diversity(weight=1)")(QUERY, ranked)) == ids(ranked)
    assert ids(policy(memory, "diversity(weight=0.5, most=2)")(QUERY, ranked)) == ["n-0", "n-3"]
    assert ids(policy(memory, "diversity(weight=0.5, pool=2)")(QUERY, ranked)) == ids(ranked)


def test_recency_brings_what_was_learned_lately_forward(memory: Memory) -> None:
    items = [Item(f"n-{at}", "note", "Take the key.") for at in range(3)]
    for item in items:
        memory.commit([add(item)])
    ranked = [Scored(item, 0.5) for item in items]
    newest = policy(memory, "recency(half_life=1)")
    assert ids(newest(QUERY, ranked)) == ["n-2", "n-1", "n-0"]
    assert [one.score for one in newest(QUERY, ranked)] == pytest.approx([0.65, 0.5, 0.425])
    assert ids(policy(memory, "recency(weight=0)")(QUERY, ranked)) == ids(ranked)
    memory.commit([add(Item("n-3", "note", "Go."))])
    assert ids(newest(QUERY, [Scored(items[0], 0.5), Scored(Item("n-3", "note", "Go."), 0.5)]))[0] == "n-3"
    relevant = [Scored(items[0], 0.9), Scored(items[2], 0.1)]
    assert ids(newest(QUERY, relevant))[0] == "n-0"


def test_recency_in_hours_goes_by_the_journal_not_by_the_clock(memory: Memory) -> None:
    items = [Item("n-0", "note", "Take the key."), Item("n-1", "note", "Take the key.")]
    for item in items:
        memory.commit([add(item)])
    first = [(one.item.id, one.score) for one in policy(memory, "recency(unit='hours')")(QUERY, scored(0.5, 0.5))]
    again = [(one.item.id, one.score) for one in policy(memory, "recency(unit='hours')")(QUERY, scored(0.5, 0.5))]
    assert first == again
    assert first[0][0] == "n-1"


def test_scope_leaves_out_what_is_for_other_suites_and_kinds(memory: Memory) -> None:
    scopes = [("", ""), ("doors", "door"), ("doors", "gate"), ("household", "")]
    ranked = [Scored(Item(f"n-{at}", "note", "Go.", suite=s, task_kind=k), 0.5) for at, (s, k) in enumerate(scopes)]
    ranked.reverse()
    assert ids(policy(memory, "scope")(QUERY, ranked)) == ["n-1", "n-0"]
    assert ids(policy(memory, "scope(kinds=False)")(QUERY, ranked)) == ["n-2", "n-1", "n-0"]
    assert ids(policy(memory, "scope(prefer=True)")(QUERY, ranked)) == ["n-1", "n-0", "n-3", "n-2"]


@pytest.mark.parametrize("specification", ["skr", "thrust"])
async def test_memory_is_recalled_only_where_the_agent_fails_alone(memory: Memory, specification: str) -> None:
    learns = policy(memory, specification)
    ranked = scored(0.5)
    assert learns(asked("water the red flower"), ranked) == ranked
    played = [done(f"water the {colour} flower", True) for colour in ("red", "blue", "white", "pink", "tall")]
    played += [done(f"repair the {part} engine", False) for part in ("steam", "petrol", "diesel", "old", "small")]
    memory.commit(await learns.learn(played))
    assert list(learns(asked("water the yellow flower"), ranked)) == []
    assert learns(asked("repair the electric engine"), ranked) == ranked
    assert learns(asked("zzz qqq", kind="brew"), ranked) == ranked


@pytest.mark.parametrize("specification", ["skr", "thrust"])
async def test_only_episodes_without_memory_that_came_to_an_end_tell_what_the_agent_can_do(
    memory: Memory, specification: str
) -> None:
    learns = policy(memory, specification)
    told_nothing = [
        done("a", True, shown=("str-00001",)),
        done("b", True, stop=StopReason.ERROR),
        done("c", True, stop=StopReason.BUDGET),
        done("d", True).without_labels(),
    ]
    assert await learns.learn(told_nothing) == []
    with pytest.raises(ValueError, match="test split"):
        await learns.learn([replace(WON, task=replace(WON.task, split="test"))])


async def test_a_task_that_was_done_again_has_one_record_and_old_ones_make_room(memory: Memory) -> None:
    learns = policy(memory, "skr(keep=2)")
    memory.commit(await learns.learn([done("a", True), done("a", False), done("b", True)]))
    (one, two) = memory.items("skr", (Status.RECORD,))
    assert (dict(one.data), dict(two.data)) == ({"wins": 1, "losses": 1}, {"wins": 1, "losses": 0})
    assert one.sources == ("a 0 True", "a 0 False")
    memory.commit(await learns.learn([done("b", True), done("c", True)]))
    assert [item.tasks for item in memory.items("skr", (Status.RECORD,))] == [("doors/b 0",), ("doors/c 0",)]
    assert memory.items("skr", (Status.RECORD,))[0].data["wins"] == 2


@pytest.mark.parametrize("specification", ["skr(fewest=1, near=0.6)", "thrust(fewest=1)"])
async def test_what_became_of_a_task_does_not_decide_on_the_very_same_task(memory: Memory, specification: str) -> None:
    learns = policy(memory, specification)
    memory.commit(await learns.learn([done("water the flower", True), done("repair the engine", False)]))
    assert list(learns(asked("water the flower"), scored(0.5))) == []
    assert learns(asked("water the flower", id="water the flower 0"), scored(0.5)) != ()


def test_k_means_finds_clusters_that_are_there() -> None:
    rng = np.random.default_rng(0)
    middles = np.array([[0, 0], [10, 0], [0, 10]], np.float32)
    points = np.concatenate([middle + rng.normal(0, 0.5, (20, 2)) for middle in middles]).astype(np.float32)
    centres, sizes = k_means(points, 3)
    assert sizes.tolist() == [20, 20, 20]
    assert all(np.abs(centres - middle).sum(axis=1).min() < 0.5 for middle in middles)
    alone, size = k_means(points[:1].repeat(4, axis=0), 3)
    assert (len(alone), size.tolist()) == (1, [4])


PROSE = (
    "As one always does, look around the room for a moment. "
    "Open the fridge with `open fridge 1` before you take an egg. "
    "As one always does, look around the room."
)
PLAN = (
    'When the task reads like "put {a} on {b}" (as in "put mug on shelf"), do in order: `take {a}`; `put {a} on {b}`.'
)


@pytest.mark.parametrize("unit", ["sentence", "clause"])
def test_selective_context_drops_what_tells_least_and_never_what_is_used(unit: str) -> None:
    surprise = Surprise([PROSE, PLAN, "As one always does, look around the room for a moment."] * 3)
    short = shortened(PROSE, surprise, 0.5, unit)
    assert "Open the fridge with `open fridge 1` before you take an egg." in short
    assert 0.5 <= len(short.split()) / len(PROSE.split()) < 0.85
    assert shortened(PLAN, surprise, 0.5, unit) == PLAN
    assert shortened(PROSE, surprise, 0.0, unit) == PROSE


@pytest.mark.parametrize(
    "kept", ["never heat it", "`open {a}`", '"the red one"', "see [str-00007]", "press f(x=1)", "only then"]
)
@pytest.mark.parametrize("unit", ["sentence", "clause", "phrase"])
def test_conditions_denials_and_names_are_never_dropped(kept: str, unit: str) -> None:
    text = f"Look around, {kept}, and go on. Look around. Look around again. Look around."
    surprise = Surprise([text] * 5)
    assert kept in shortened(text, surprise, 0.9, unit)


def test_a_sentence_that_lost_its_end_is_ended_and_lines_stay_lines() -> None:
    surprise = Surprise(["as ever"] * 50)
    assert shortened("Take `a key`, as ever. Use `it`.", surprise, 0.4, "clause") == "Take `a key`. Use `it`."
    assert shortened("Take `a key`, as ever\nUse `it`.", surprise, 0.4, "clause") == "Take `a key`,\nUse `it`."


def test_common_words_tell_less_than_rare_ones() -> None:
    surprise = Surprise(["take the key", "take the lamp", "take the axolotl"])
    assert surprise.of("take the") < surprise.of("key") < surprise.of("quokka")
    assert surprise.of("") == 0


@pytest.mark.parametrize(
    "wrong",
    [
        "adaptive_k(more=-1)", "adaptive_k(tail=1)", "skr(k=0)", "skr(enough=0)", "thrust(sure=2)", "thrust(fewest=0)",
        "selective_context(ratio=1)", "selective_context(unit='word')", "diversity(weight=2)", "diversity(pool=0)",
        "recency(half_life=0)", "recency(unit='days')",
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(memory: Memory, wrong: str) -> None:
    with pytest.raises(BadSetting, match="=") as refused:
        policy(memory, wrong)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("pair", list(combinations(names(POLICIES), 2)), ids=" then ".join)
async def test_policies_go_with_each_other_and_with_the_playbook(memory: Memory, pair: tuple[str, str]) -> None:
    lessons = [
        f"Take the {colour} key, as one does, before you open door {n}." for n, colour in enumerate(("red", "blue"))
    ]
    items = [Item(f"str-0000{n}", "playbook", text, {"section": "strategies"}) for n, text in enumerate(lessons)]
    memory.commit([add(item) for item in items])
    both = [policy(memory, one) for one in pair]
    recalled = await recall_of(memory, [Playbook(memory, ASK)], both)(QUERY)
    assert {*recalled.shown} == {"str-00000", "str-00001"}  # nobody knows yet what the agent can do alone
    played = [done(f"open door {n}", True, n) for n in range(10)] + [
        done(f"repair engine {n}", False, n) for n in range(5)
    ]
    edits = [edit for one in both if hasattr(one, "learn") for edit in await one.learn(played)]
    memory.commit(edits)
    decides = {*pair} & {"skr", "thrust"}
    assert bool(edits) is bool(decides)
    recalled = await recall_of(memory, [Playbook(memory, ASK)], both)(QUERY)
    assert recalled.shown == (() if decides else ("str-00000", "str-00001"))


async def test_each_policy_chooses_among_thousands(memory: Memory) -> None:
    memory.commit(
        [add(Item(f"n-{n:04}", "playbook", f"Lesson {n}: door {n % 97} needs key {n % 31}.")) for n in range(2000)]
    )
    bank = Playbook(memory, ASK)
    for name in names(POLICIES):
        recall = recall_of(memory, [bank], [policy(memory, name)], tokens=500)
        first, again = await recall(QUERY), await recall(QUERY)
        assert first == again
        assert 0 < len(first.text) <= 4 * 520
