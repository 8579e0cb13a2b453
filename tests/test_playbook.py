"""The playbook: what a Reflector and a Curator say becomes measured, versioned bullets, and comes back within its
budget."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from making import answers, says, trajectory

from knowhow.agents.types import Query, Turn
from knowhow.environments.discover import build
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Task
from knowhow.memory.banks.playbook import Playbook
from knowhow.memory.recall import recall_of
from knowhow.memory.store import Memory
from knowhow.memory.types import Trust

QUERY = Query(Task("t9", "doors", "validation", "door", "open door 9"), "You stand before door 9.")
INSIGHT = {"reasoning": "r", "key_insight": "Take the key first.", "bullet_tags": []}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path, create=True) as opened:
        yield opened


def added(*contents: str, section: str = "strategies") -> dict[str, Any]:
    return {
        "operations": [{"type": "ADD", "section": section, "content": content, "from": [1]} for content in contents]
    }


async def learn(memory: Memory, bank: Playbook, *episodes: Any) -> None:
    memory.commit(await bank.learn(episodes))


async def test_a_lesson_goes_from_reflection_to_the_prompt(memory: Memory) -> None:
    bank = Playbook(memory, says(INSIGHT, added("Take the key first.")))
    assert (await recall_of(memory, [bank], tokens=bank.token_budget, same_task=True)(QUERY)).text == ""
    await learn(memory, bank, trajectory("e1"))
    recalled = await recall_of(memory, [bank], tokens=bank.token_budget, same_task=True)(QUERY)
    assert recalled.shown == ("str-00001",)
    assert "[str-00001] helpful=0 harmful=0 :: Take the key first." in recalled.text
    (item,) = memory.items("playbook")
    assert (item.sources, item.split, item.suite, item.task_kind, item.trust) == (
        ("e1",),
        "train",
        "doors",
        "door",
        Trust.VERIFIED,
    )


async def test_tags_and_uses_are_counted_per_episode_that_showed_the_bullet(memory: Memory) -> None:
    await learn(memory, Playbook(memory, says(INSIGHT, added("Take the key first."))), trajectory("e1"))
    tags = [{"id": "str-00001", "tag": "helpful"}, {"id": "str-99999", "tag": "helpful"}]
    bank = Playbook(memory, says({"key_insight": "", "bullet_tags": tags}, {"operations": []}))
    shown = ("str-00001",)
    await learn(
        memory, bank, trajectory("e2", shown=shown, cited=shown), trajectory("e3", shown=shown), trajectory("e4")
    )
    (item,) = memory.items("playbook")
    assert (item.uses, item.helpful, item.harmful) == (2, 2, 0)


async def test_all_of_one_batch_is_one_version(memory: Memory) -> None:
    bank = Playbook(memory, says(INSIGHT, added("Take the key first.")), curate=2)
    await learn(memory, bank, *(trajectory(f"e{n}") for n in range(7)))
    assert memory.version == 1
    assert [batch.version for batch in memory.journal.log()] == [1]


async def test_update_merge_and_remove_are_carried_out_and_ids_never_come_again(memory: Memory) -> None:
    await learn(memory, Playbook(memory, says(INSIGHT, added("one", "two", "three", "four"))), trajectory("e1"))
    operations = [
        {"type": "UPDATE", "id": "str-00001", "content": "one, sharper"},
        {"type": "MERGE", "ids": ["str-00002", "str-00003"], "content": "two and three"},
        {"type": "REMOVE", "id": "str-00004"},
        {"type": "ADD", "section": "mistakes", "content": "never kick the door"},
        {"type": "ADD", "section": "strategies", "content": "five"},
    ]
    await learn(memory, Playbook(memory, says(INSIGHT, {"operations": operations})), trajectory("e2"))
    texts = {item.id: item.text for item in memory.items("playbook")}
    assert texts == {
        "str-00001": "one, sharper",
        "str-00002": "two and three",
        "mis-00001": "never kick the door",
        "str-00005": "five",
    }


async def test_learning_the_same_episodes_again_after_a_crash_gives_the_same_ids(memory: Memory) -> None:
    bank = Playbook(memory, says(INSIGHT, added("one", "two")))
    lost = await bank.learn([trajectory("e1")])
    again = await bank.learn([trajectory("e1")])
    assert lost == again


async def test_the_test_split_never_teaches(memory: Memory) -> None:
    bank = Playbook(memory, says(INSIGHT, added("one")))
    with pytest.raises(ValueError, match="test split"):
        await bank.learn([trajectory("e1"), trajectory("e2", split="test")])
    assert memory.version == 0


async def test_the_token_budget_is_kept_and_the_nearest_bullets_stay(memory: Memory) -> None:
    far = [f"When it rains in month {n}, carry the large umbrella out of hall {n}." for n in range(60)]
    bank = Playbook(
        memory, says(INSIGHT, added("To open door 9, take the key first.", *far)), token_budget=300, dedup="never"
    )
    await learn(memory, bank, trajectory("e1"))
    recalled = await recall_of(memory, [bank], tokens=bank.token_budget, same_task=True)(QUERY)
    assert 1 < len(recalled.shown) < 61
    assert "str-00001" in recalled.shown
    assert len(recalled.text) / 4 < 300 + 20
    written = re.findall(r"^\[(str-\d+)\]", recalled.text, re.MULTILINE)
    assert written == sorted(recalled.shown)


@pytest.mark.parametrize("dedup, left", [("eager", 2), ("lazy", 3), ("never", 3)])
async def test_twins_are_merged_when_asked_for(memory: Memory, dedup: str, left: int) -> None:
    contents = (
        "Take the red key before the door.",
        "Take the red key, before the door!",
        "Never trust a painted wall.",
    )
    bank = Playbook(memory, says(INSIGHT, added(*contents)), dedup=dedup, duplicate=0.9)
    await learn(memory, bank, trajectory("e1"))
    assert len(memory.items("playbook")) == left


async def test_lazy_dedup_comes_with_a_full_budget(memory: Memory) -> None:
    twins = [f"Take the red key before the door{'!' * n}" for n in range(20)]
    bank = Playbook(memory, says(INSIGHT, added(*twins)), dedup="lazy", duplicate=0.9, token_budget=100)
    await learn(memory, bank, trajectory("e1"))
    assert len(memory.items("playbook")) < 5


@pytest.mark.parametrize(
    "bad",
    ["dedup='sometimes'", "curate=0", "at_once=0", "token_budget=-5", "token_budget='x'", "duplicate=2", "tokens=5"],
)
def test_settings_that_do_not_fit_are_refused(memory: Memory, bad: str) -> None:
    with pytest.raises(BadSetting, match=bad.partition("=")[0]):
        build("knowhow.memory.banks", f"playbook({bad})", memory, says(INSIGHT, added("one")))


@pytest.mark.parametrize("bad", ["no JSON here", "{broken", "[]", '{"operations": [{"type": 7}]}'])
async def test_unreadable_replies_teach_nothing_and_break_nothing(memory: Memory, bad: str) -> None:
    await learn_or_not(memory, says(bad, added("one")))
    await learn_or_not(memory, says(INSIGHT, bad))
    assert memory.items("playbook") == []


async def learn_or_not(memory: Memory, ask: Any) -> None:
    edits = await Playbook(memory, ask).learn([trajectory("e1")])
    assert edits == []


async def test_an_unreadable_reply_is_asked_for_once_more(memory: Memory) -> None:
    replies = iter(["rubbish", json.dumps(INSIGHT), f"Sure!\n```json\n{json.dumps(added('one'))}\n```"])
    bank = Playbook(memory, answers(lambda turn: AIMessage(next(replies))))
    await learn(memory, bank, trajectory("e1"))
    assert [item.text for item in memory.items("playbook")] == ["one"]


async def test_reflections_run_side_by_side(memory: Memory) -> None:
    running, most = 0, 0

    async def decide(turn: Turn) -> AIMessage:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return AIMessage(json.dumps(INSIGHT if turn.messages[0].text.startswith("# Reflector") else added("one")))

    await Playbook(memory, decide, at_once=5).learn([trajectory(f"e{n}") for n in range(12)])
    assert most == 5


async def test_label_free_learning_sees_no_label(memory: Memory) -> None:
    prompts: dict[bool, list[str]] = {True: [], False: []}
    for won, asked in prompts.items():
        episode = trajectory("same", won=True)
        labelled = (
            episode
            if won
            else type(episode)(**{**{n: getattr(episode, n) for n in episode.__dataclass_fields__}, "reward": 0.0})
        )
        await Playbook(memory, says(INSIGHT, added("one"), asked)).learn([labelled.without_labels()])
    assert prompts[True] == prompts[False]
    assert "Nobody has told" in prompts[True][0]
    item = memory.commit(await Playbook(memory, says(INSIGHT, added("one"))).learn([trajectory("e").without_labels()]))
    assert item and memory.items("playbook")[0].trust is Trust.REFLECTION


async def test_the_reflector_sees_an_attempt_of_the_other_outcome(memory: Memory) -> None:
    asked: list[str] = []
    await Playbook(memory, says(INSIGHT, added("one"), asked)).learn([trajectory("e1"), trajectory("e2", won=False)])
    assert "was not achieved" in asked[0].partition("# Another attempt")[2]
    assert "was achieved" in asked[1].partition("# Another attempt")[2]
