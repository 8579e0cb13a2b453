"""Proof in the loop: paired replays and withholding measure every lesson, and an interruption changes nothing."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from making import WON, says
from runs import Cut, kept, outcome, small
from typer.testing import CliRunner

from knowhow.agents.rollout import Job
from knowhow.agents.types import Query, Recall, Recalled
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Trajectory
from knowhow.evals import learn
from knowhow.evals.cli import app
from knowhow.evals.folder import RunFolder
from knowhow.evals.prove import Trial
from knowhow.evals.report import write_report
from knowhow.evals.settings import Settings
from knowhow.evals.stage import open_stage
from knowhow.evals.watch import Silent
from knowhow.memory.banks.playbook import Playbook
from knowhow.memory.episodes import Episodes
from knowhow.memory.fold import add
from knowhow.memory.promote import Rules, promotions
from knowhow.memory.proof.effects import Evidence
from knowhow.memory.recall import recall_of
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Op, Status, Trust


def proving(**settings: Any) -> Settings:
    return small(**{"withhold_rate": 0.1, "proof": 12, "proof_at_once": 4, "seed": 5, **settings})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any], Path]:
    """An uninterrupted run: its result, what it kept, and where."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    result = asyncio.run(learn.start(proving(), folder))
    return result, kept(folder), folder


def test_each_replay_shows_the_lessons_on_trial_to_one_of_two_equal_episodes(whole: Any) -> None:
    with Episodes.open(whole[2]) as store:
        ones, others = store.find("proof"), store.find("mirror")
        spared = store.find("spared")
        # Rounds 2 and 3; in the first there was no lesson yet. Without the lessons on trial it fails: there is room.
        assert (len(ones), len(others), len(spared)) == (5, 5, 1)
        trained = {trajectory.task.id for trajectory in store.find("train")}
    for one, other in zip(ones, others, strict=True):
        assert (one.task, one.seed, one.memory_version) == (other.task, other.seed, other.memory_version)
        assert one.id != other.id and one.task.id in trained
        tried = {*one.withheld, *other.withheld}
        assert 0 < len(tried) <= 4 and not {*one.withheld} & {*other.withheld}
        assert {*one.shown} - tried == {*other.shown} - tried


def test_every_lesson_that_was_on_trial_has_an_effect_and_the_journal_says_why(whole: Any) -> None:
    _, stored, _ = whole
    edits = [edit for _, _, batch in stored["log"] for edit in batch if edit["fields"].get("effect")]
    assert edits and all("of reward (95%:" in edit["why"] for edit in edits)
    paired = [edit for edit in edits if edit["fields"]["effect"]["weight"] >= 1]
    assert paired
    for edit in edits:
        effect = edit["fields"]["effect"]
        assert -1 <= effect["low"] <= effect["mean"] <= effect["high"] <= 1


@dataclass
class Simulated:
    """A trial over real memory and storage, of an agent that fails where the rule says so, by what it is shown."""

    memory: Memory
    store: Episodes
    won: Callable[[Recalled, int], bool]

    async def round(self, round: int) -> None:
        """One round in a run of four, with nothing but replays in it."""
        trial = Trial(
            proving(proof=400, rounds=4, proof_at_once=9, withhold_rate=0.0),
            self.memory,
            self.store,
            recall_of(self.memory, [Playbook(self.memory, says("", ""))]),
            self.play,
            Rules(worth=0.1),
        )
        self.memory.commit(await trial.edits(round, [WON]))

    async def play(self, phase: str, round: int, todo: Sequence[Job], recall: Recall) -> list[Trajectory]:
        played = []
        for job in todo:
            found = await recall(Query(job.task, "", job.seed))
            reward = float(self.won(found, job.seed))
            named = replace(WON, id=f"{phase}-{round}-{job.index}", task=job.task, reward=reward)
            played.append(replace(named, shown=found.shown, withheld=found.withheld))
            self.store.put(played[-1], phase=phase, round=round, index=job.index)
        return played


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[tuple[Memory, Episodes]]:
    """A memory of one good lesson, what does nothing, and what is not admitted."""
    good = Item("str-1", "playbook", "Knock.", status=Status.ACTIVE)
    junk = [Item(f"str-{number}", "playbook", f"Remember the {number}.") for number in (2, 3)]
    waiting = Item("str-4", "playbook", "Sing.", status=Status.PENDING, trust=Trust.OUTSIDE)
    proposal = Item("pro-5", "proposal", "Remove it all.", status=Status.PENDING)
    with Memory.open(tmp_path, create=True) as memory, Episodes.open(tmp_path, create=True) as store:
        memory.commit(add(item) for item in (good, *junk, waiting, proposal))
        yield memory, store


async def test_while_success_leaves_no_room_replays_go_without_all_on_trial_until_they_are_retired(
    planted: tuple[Memory, Episodes],
) -> None:
    memory, store = planted
    trial = Simulated(memory, store, lambda found, seed: seed % 40 > 0)
    for round in (1, 2, 3):
        await trial.round(round)
    spared, pairs = store.find("spared"), store.find("proof")
    items = memory.journal.items()
    assert len(pairs) == (100 - 5) // 2 and 80 < len(spared) < 300
    assert all({*one.withheld} == {"str-2", "str-3", "str-4"} and one.shown == ("str-1",) for one in spared)
    assert [one.status for one in items.values()] == [
        *(Status.PENDING, Status.ACTIVE, Status.RETIRED, Status.RETIRED, Status.RETIRED)
    ]
    assert "hardly room" in " ".join(edit.why for batch in memory.journal.log() for edit in batch.edits)


async def test_an_item_that_is_not_admitted_is_tried_in_pairs_and_admitted_where_it_helps(
    planted: tuple[Memory, Episodes],
) -> None:
    memory, store = planted
    trial = Simulated(memory, store, lambda found, seed: "| [str-4] Sing." in found.text)
    await trial.round(1)
    items, spared = memory.journal.items(), store.find("spared")
    assert (items["str-4"].status, items["str-4"].trust) == (Status.ACTIVE, Trust.VERIFIED)
    assert items["pro-5"].status is Status.PENDING and items["pro-5"].effect is None
    pairs = store.find("proof") + store.find("mirror")
    assert (len(spared), len(pairs)) == (5, 94)
    assert sum("str-4" in one.shown for one in pairs) == 47
    assert not any("pro-5" in {*one.shown, *one.withheld} for one in pairs)
    assert items["str-2"].status is Status.CANDIDATE


def test_a_rolled_back_round_keeps_what_it_found_out_once(whole: Any, tmp_path: Path) -> None:
    shutil.copytree(whole[2], tmp_path / "run")
    with RunFolder.open(tmp_path / "run") as folder, Memory.open(folder.path) as memory:
        loop, version = learn._Loop(open_stage(folder, Silent()), memory), memory.version
        (id, *_) = [item.id for item in memory.items()]
        memory.commit(promotions(memory.journal.items(), {id: Evidence(7, 1, 3)}))
        memory.commit([Edit(Op.REMOVE, item.id) for item in memory.items()])
        expected = Evidence.of(memory.journal.items(version)[id].effect) + Evidence(7, 1, 3)
        last = loop.rollback(4, version)
        assert (memory.journal.items()[id].effect or {}).items() >= expected.to_effect().items()
        assert loop.rollback(4, version) == last == memory.version
        assert [*memory.journal.items()] == [*memory.journal.items(version)]


@pytest.mark.parametrize("every", [5, 9])
async def test_cut_off_every_so_often_it_ends_where_the_uninterrupted_run_ends(
    every: int, whole: Any, tmp_path: Path
) -> None:
    folder, sittings, result = tmp_path / "run", 0, None
    while result is None:
        sittings += 1
        assert sittings < 60
        cut = Cut(every)
        try:
            result = await (learn.resume(folder, cut) if folder.exists() else learn.start(proving(), folder, cut))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
    assert sittings >= 3
    assert outcome(result) == outcome(whole[0])
    assert kept(folder) == whole[1]


async def test_without_labels_nothing_is_measured(tmp_path: Path) -> None:
    await learn.start(proving(labels=False), tmp_path / "run")
    stored = kept(tmp_path / "run")
    assert stored["items"] and all(item["effect"] is None for item in stored["items"])
    assert not any(row["phase"] in ("proof", "mirror") for row in stored["episodes"])


async def test_a_budget_that_ends_during_the_replays_ends_the_run_cleanly(whole: Any, tmp_path: Path) -> None:
    rows = whole[1]["episodes"]
    before = [row for row in rows if row["phase"] in ("before", "validation", "train") and row["round"] <= 1]
    calls = sum(row["usage"]["calls"] for row in before) + 150
    result = await learn.start(proving(budget_calls=calls), tmp_path / "run")
    assert result["withheld"]["unfinished"] > 0
    assert outcome(await learn.resume(tmp_path / "run")) == outcome(result)


def test_a_share_for_proof_cannot_be_negative() -> None:
    with pytest.raises(BadSetting, match="proof=-1 must be at least 0"):
        small(proof=-1)


def test_memory_show_and_the_report_tell_the_effect_with_its_interval(whole: Any) -> None:
    measured = [item for item in whole[1]["items"] if item["effect"]]
    shown = CliRunner().invoke(app, ["memory", "show", str(whole[2])], env={"COLUMNS": "200"}).output
    page = write_report(whole[2]).read_text(encoding="utf-8")
    assert measured and "effect (95%)" in shown
    for item in measured:
        effect = item["effect"]
        told = f"{effect['mean']:+.2f} ({effect['low']:+.2f} to {effect['high']:+.2f})"
        assert told in next(line for line in shown.splitlines() if line.split()[:1] == [item["id"]])
        assert f"effect {told}" in page.replace("&#43;", "+")
