"""Withholding: at random, at its rate, always the same for the same episode, and told in the trajectory."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import WON, says
from runs import kept, small

from knowhow.agents.types import Query, Recalled
from knowhow.environments.errors import BadSetting
from knowhow.evals import learn
from knowhow.memory.banks.playbook import Playbook
from knowhow.memory.fold import add
from knowhow.memory.proof.withhold import drawn, half_withheld, some_withheld, split
from knowhow.memory.recall import recall_of
from knowhow.memory.store import Memory
from knowhow.memory.types import Item

IDS = [f"str-{number:05d}" for number in range(50)]


async def everything(query: Query) -> Recalled:
    shown, withheld = split(dict.fromkeys(IDS, 0), query)
    return Recalled("", tuple(shown), withheld)


def test_a_draw_is_the_same_everywhere_and_always() -> None:
    assert [id for id in IDS if drawn(0.1, 7, id)] == [
        *("str-00001", "str-00010", "str-00011", "str-00012", "str-00027", "str-00028", "str-00047")
    ]


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5])
def test_every_item_is_drawn_at_the_rate_and_independently(rate: float) -> None:
    draws = [[drawn(rate, seed, id) for id in IDS] for seed in range(1000)]
    assert sum(map(sum, draws)) / 50_000 == pytest.approx(rate, abs=0.01)
    both = sum(row[0] and row[1] for row in draws) / 1000
    assert both == pytest.approx(rate * rate, abs=0.05)


@given(st.integers(0, 2**31 - 1), st.sets(st.sampled_from(IDS)))
async def test_a_pair_shows_every_tested_item_once_and_the_others_twice(seed: int, tested: set[str]) -> None:
    query = Query(WON.task, "", seed)
    one = await half_withheld(everything, tested, False)(query)
    other = await half_withheld(everything, tested, True)(query)
    assert {*one.withheld} | {*other.withheld} == tested
    assert not {*one.withheld} & {*other.withheld}
    assert {*one.shown} == {*IDS} - {*one.withheld}


async def test_nothing_is_withheld_unless_asked_for() -> None:
    query = Query(WON.task, "", 3)
    assert (await everything(query)).withheld == ()
    assert (await some_withheld(everything, 0.0)(query)).withheld == ()


async def test_the_playbook_holds_back_what_it_would_have_shown(tmp_path: Path) -> None:
    with Memory.open(tmp_path, create=True) as memory:
        memory.commit([add(Item(id, "playbook", f"lesson {id}")) for id in IDS])
        recall = recall_of(memory, [Playbook(memory, says("", ""))], tokens=300)
        query = Query(WON.task, "", 5)
        whole = await recall(query)
        less = await some_withheld(recall, 0.5)(query)
    assert 0 < len(less.withheld) < len(whole.shown) < len(IDS)
    assert {*less.shown, *less.withheld} == {*whole.shown}
    assert all((f"lesson {id}" in less.text) == (id in less.shown) for id in whole.shown)


async def test_only_training_goes_without_lessons(tmp_path: Path) -> None:
    await learn.start(small(withhold_rate=0.3), tmp_path / "run")
    rows = kept(tmp_path / "run")["episodes"]
    assert any(row["withheld"] and row["shown"] for row in rows if row["phase"] == "train")
    assert not any(row["withheld"] for row in rows if row["phase"] in ("validation", "after"))


def test_a_rate_must_leave_most_of_memory_in_place() -> None:
    with pytest.raises(BadSetting, match=r"withhold_rate=0.6 is not between 0 and 0.5"):
        small(withhold_rate=0.6)
