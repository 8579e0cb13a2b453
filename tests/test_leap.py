"""LEAP: a correction is what would still have won, and the student learns those that it could have made itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from math import exp
from pathlib import Path

import pytest
from doors import Doors
from locked import Locked, episode, played, tiny_locked
from pocket import episodes

from knowhow.agents.local.weights import weights_hash
from knowhow.environments.errors import BadSetting
from knowhow.environments.suites.household import Household
from knowhow.environments.types import Split, Trajectory
from knowhow.memory.journal import Journal
from knowhow.training.apart import wait_for
from knowhow.training.correcting import made_before, wins
from knowhow.training.examples import whole
from knowhow.training.recipes.leap import Leap, to_imitate
from knowhow.training.registry import Registry
from knowhow.training.replies import deeds
from knowhow.training.settings import Tuning
from knowhow.training.types import Pair

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train
torch.set_num_threads(1)

SHORT = Tuning(steps=4, batch=4, save_every=1, rank=4, rate=5e-3)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_locked(tmp_path_factory.mktemp("base"))


def taught(*given: Trajectory, **settings: float) -> dict[int | None, tuple[str, str]]:
    """By step: what the teacher would do, and what the student did."""
    rows = Leap(**{"cap": 0, **settings}).in_suite(Locked()).examples(given).rows  # type: ignore[arg-type]
    found = {}
    for row in rows:
        student = row.rejected if isinstance(row, Pair) else row.messages[-1]
        found[row.source.step] = tuple(
            "".join(arguments["command"] for _, arguments in deeds(message))
            for message in (to_imitate(row).messages[-1], student)
        )
    return found  # type: ignore[return-value]


def test_a_correction_is_the_first_call_of_what_still_wins_after_what_the_student_did() -> None:
    assert taught(episode("wait", "take the green key", "unlock the door", seed=0)) == {
        0: ("take the red key", "wait"),
        1: ("take the red key", "take the green key"),
        2: ("take the red key", "unlock the door"),
    }
    assert taught(episode("take the red key", "wait", seed=0))[1] == ("unlock the door", "wait")
    # What the student did right is kept, as it said it.
    assert taught(episode("take the red key", "wait", seed=0))[0] == ("take the red key", "take the red key")


def test_in_a_household_every_correction_goes_on_to_win() -> None:
    suite, lost = Household(), [one for one in episodes() if not one.success][:6]
    data = Leap(cap=3).in_suite(suite).examples(lost)
    of = {one.id: one for one in lost}
    assert len(data.rows) > 6
    for row in data.rows:
        one = of[row.source.trajectory]
        plan = list(suite.oracle(one.task, seed=one.seed))
        done = made_before(one, row.source.step or 0)
        starts = [at for at, call in enumerate(plan) if deeds(to_imitate(row).messages[-1])[0][1] == call.arguments]
        assert any(wait_for(wins(suite, one.task, one.seed, [*done, *plan[at:]])) for at in starts)
        assert to_imitate(row).messages[:-1] == one.messages[: len(to_imitate(row).messages) - 1]


def test_a_recipe_can_play_where_an_event_loop_runs_already() -> None:
    lost = episode("wait", "take the green key", "unlock the door", seed=0)

    async def within() -> dict[int | None, tuple[str, str]]:
        return taught(lost)

    assert asyncio.run(within()) == taught(lost) != {}


def test_successes_are_imitated_as_they_are() -> None:
    short, long = episode("take the red key", "unlock the door"), episode("wait", "take the red key", "unlock the door")
    assert Leap().in_suite(Locked()).examples([short, long]).rows == (whole(short), whole(long))


@pytest.mark.parametrize("split", ["test"])
def test_what_does_not_suit_is_refused(split: Split) -> None:
    with pytest.raises(BadSetting, match="suite with an oracle, and doors has none"):
        Leap().in_suite(Doors())
    with pytest.raises(BadSetting, match="needs the suite"):
        Leap().examples([])
    one = played(1)[0]
    with pytest.raises(BadSetting, match="test split"):
        Leap().in_suite(Locked()).examples([replace(one, task=replace(one.task, split=split))])
    with pytest.raises(BadSetting, match="probability"):
        Leap(least=2.0)


def test_the_student_comes_to_prefer_the_teachers_calls_in_two_stages_and_the_base_stays(
    base: Path, tmp_path: Path
) -> None:
    from knowhow.training.scoring import log_likelihoods
    from knowhow.training.train import plan, train
    from knowhow.training.tuning import open_base, with_adapter

    before = weights_hash(base)
    made = plan(played(), "leap(cap=0, least=0.0)", base, replace(SHORT, steps=12), suite=Locked())
    with Journal.open(tmp_path / "journal.db", create=True) as journal:
        adapter = train(made, Registry(journal), tmp_path)
    told = adapter.metrics["training"]
    assert told["steps"] == 24 and len(told["stages"]) == 2 and told["corrections"] > 0 == told["unlikely"]
    assert weights_hash(base) == before
    assert sorted(file.name for file in (tmp_path / adapter.path).iterdir() if file.is_dir()) == []  # no reference
    pairs = [row for row in made.data.rows if isinstance(row, Pair)][:6]
    model, tokenizer = open_base(base)

    def margin() -> float:
        better = log_likelihoods(model, tokenizer, [to_imitate(row) for row in pairs])
        worse = log_likelihoods(model, tokenizer, [to_imitate(row, row.rejected) for row in pairs])
        return sum(better) - sum(worse)

    plain = margin()
    model = with_adapter(model, SHORT, tmp_path / adapter.path).eval()
    assert margin() > plain + 1


def test_what_the_student_could_not_have_done_is_left_out(base: Path, tmp_path: Path) -> None:
    from knowhow.training.recipe import Job
    from knowhow.training.recipes.leap import realisable
    from knowhow.training.scoring import log_likelihoods
    from knowhow.training.tuning import open_base

    rows = Leap(cap=0).in_suite(Locked()).examples(played(2)).rows
    pairs = [row for row in rows if isinstance(row, Pair)]
    model, tokenizer = open_base(base)
    better = log_likelihoods(model, tokenizer, [to_imitate(row) for row in pairs])
    worse = log_likelihoods(model, tokenizer, [to_imitate(row, row.rejected) for row in pairs])
    gaps = [min(0.0, one - other) for one, other in zip(better, worse, strict=True)]
    low, high = min(gaps), max(gaps)
    assert low < high
    kept, told = realisable(Job(base, tmp_path, SHORT), rows, exp((low + high) / 2))
    assert 0 < told["unlikely"] < len(pairs) and told["unlikely"] + len(kept) == len(rows)
    assert [row for row in kept if not isinstance(row, Pair)] == [row for row in rows if not isinstance(row, Pair)]
    with pytest.raises(BadSetting, match="lower least"):
        realisable(Job(base, tmp_path, SHORT), [pairs[gaps.index(low)]], exp(low / 2))


def test_a_correction_is_another_call_after_the_students_own_words() -> None:
    lost = next(one for one in played(1) if not one.success)
    words = [{**one, "content": "It is this one."} if one["role"] == "assistant" else one for one in lost.messages]
    rows = Leap(cap=0).in_suite(Locked()).examples([replace(lost, messages=tuple(words))]).rows
    pairs = [row for row in rows if isinstance(row, Pair)]
    assert pairs and all(deeds(row.chosen) != deeds(row.rejected) for row in pairs)
    assert {row.chosen["content"] for row in pairs} == {"It is this one."}


def test_a_killed_training_does_not_repeat_the_stage_that_was_done(base: Path, tmp_path: Path) -> None:
    from knowhow.training.recipe import Job

    class Killed(Exception): ...

    calls = []

    def kill_in_stage_2(step: int, steps: int, loss: float) -> None:
        calls.append(step)
        if len(calls) == 6:
            raise Killed

    recipe = Leap(cap=0, least=0.0).in_suite(Locked())
    data = recipe.examples(played(2))
    job = Job(base, tmp_path / "job", SHORT, progress=kill_in_stage_2)
    job.folder.mkdir()
    with pytest.raises(Killed):
        recipe.train(job, data)
    assert not job.adapter.exists()
    first = (job.folder / "stage-1" / "adapter" / "adapter_model.safetensors").stat().st_mtime_ns
    recipe.train(job, data)
    told = recipe.train(job, data)  # as after a kill between the adapter and the report
    assert calls[6:] == [2, 3, 4] and len(told["losses"]) == 8
    assert (job.folder / "stage-1" / "adapter" / "adapter_model.safetensors").stat().st_mtime_ns == first
    assert job.adapter.exists()
