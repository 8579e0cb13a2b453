"""Evolution on text that anybody may have written: nothing learned from it acts before it is vouched for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cottage import Cottage
from runs import kept, small

from knowhow.environments.errors import KnowhowError
from knowhow.evals import learn
from knowhow.memory.review import accept, pending
from knowhow.memory.store import Memory
from knowhow.memory.types import Trust

OUTSIDE = f"{Path(__file__)}:OutsideCottage"


class OutsideCottage(Cottage):
    outside = True


async def test_what_is_learned_from_outside_waits_and_is_not_shown(tmp_path: Path) -> None:
    result = await learn.start(small(suite=OUTSIDE, rounds=2), tmp_path / "run")
    stored = kept(tmp_path / "run")
    assert stored["items"]
    assert {(item["status"], item["trust"]) for item in stored["items"]} == {("pending", "outside")}
    assert not any(row["shown"] for row in stored["episodes"])
    assert result["after"]["success_rate"] == result["before"]["success_rate"]


async def test_with_review_what_is_learned_acts_once_a_person_accepted_it(tmp_path: Path) -> None:
    first = await learn.start(small(review=True, rounds=1), tmp_path / "run")
    assert first["after"]["success_rate"] == first["before"]["success_rate"] == 0
    with Memory.open(tmp_path / "run") as memory:
        waiting = pending(memory)
        assert waiting and all(item.trust is Trust.VERIFIED for item in waiting)
        for item in waiting:
            accept(memory, item.id)
    again = await learn.start(small(memory=str(tmp_path / "run"), rounds=1), tmp_path / "again")
    assert again["after"]["success_rate"] > 0.5
    rows = kept(tmp_path / "again")["episodes"]
    assert all(row["shown"] for row in rows if row["phase"] == "train")


async def test_cases_go_on_learning_from_outside_episodes_once_a_person_let_them_in(tmp_path: Path) -> None:
    await learn.start(small(suite=OUTSIDE, memory="cases", rounds=1), tmp_path / "run")
    with Memory.open(tmp_path / "run") as memory:
        for item in pending(memory):
            accept(memory, item.id)
    await learn.start(small(suite=OUTSIDE, memory=str(tmp_path / "run"), rounds=2), tmp_path / "again")
    with Memory.open(tmp_path / "again") as memory:
        assert any(item.data["visits"] for item in memory.items("cases"))
        assert {item.kind for item in pending(memory)} == {"cases"}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"memory": "playbook, playbook"}, "the bank playbook is named twice"),
        ({"memory": "cases(kind='playbook'), playbook"}, "the bank playbook is named twice"),
        ({"memory": "cases(most=-1)"}, "most=-1 must be a whole number of at least 1"),
        ({"memory": " "}, "--memory names no bank"),
        ({"recall": "adaptve_k"}, "there is no policy 'adaptve_k'; did you mean adaptive_k"),
    ],
)
async def test_banks_that_cannot_be_used_are_an_error_before_anything_begins(
    settings: dict[str, str], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(KnowhowError, match=re.escape(complaint)):
        await learn.start(small(**settings), tmp_path / "run")
    assert not (tmp_path / "run").exists()
