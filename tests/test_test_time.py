"""Test-time training: who is unsure learns from what is near, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from locked import Locked, played, tiny_locked

from knowhow.agents.episode import Agent, play
from knowhow.agents.local.chat import chat_at
from knowhow.agents.local.weights import weights_hash
from knowhow.agents.metering import Meter
from knowhow.agents.model import Model, load_model
from knowhow.agents.types import Start
from knowhow.environments.errors import BadSetting, KnowhowError
from knowhow.environments.types import Sample, Task, Trajectory
from knowhow.evals.folder import RunFolder
from knowhow.evals.run import run
from knowhow.evals.settings import Settings
from knowhow.memory.episodes import Episodes
from knowhow.training import test_time
from knowhow.training.recipes import test_time as recipes
from knowhow.training.settings import Tuning

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train
torch.set_num_threads(1)

BRIEF = Tuning(steps=3, batch=2, rank=4, rate=1e-2)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_locked(tmp_path_factory.mktemp("base"))


def sure(one: Trajectory, nats: float) -> Trajectory:
    """The episode as if each of its replies had this surprise."""
    return replace(one, samples=(Sample((1,), (2, 3), (-nats / 2, -nats / 2)), None))


def goal(one: Trajectory, id: str, text: str) -> Trajectory:
    return replace(one, id=id, task=replace(one.task, id=id, goal=text))


def test_the_least_sure_share_is_uncertain() -> None:
    episodes = [sure(one, nats) for one, nats in zip(played(1), (0.1, 0.2, 3.0, 4.0), strict=True)]
    assert [recipes.surprise(one) for one in episodes] == [0.1, 0.2, 3.0, 4.0]
    assert recipes.surprise(replace(episodes[0], samples=())) == 0.0
    limits = [recipes.TestTime(share=share).limit(episodes) for share in (0.5, 1.0, 0.25, 0.0)]
    assert limits == [3.0, 0.0, 4.0, float("inf")]
    with pytest.raises(BadSetting, match="play them with hf:PATH"):
        recipes.TestTime().limit(played(1))


def test_what_is_near_are_successes_at_other_tasks_with_goals_alike() -> None:
    won = next(one for one in played(1) if one.success)
    mug, cup, lamp = (
        goal(won, *named)
        for named in (
            ("a", "put a clean mug on the desk"),
            ("b", "put a clean cup on the desk"),
            ("c", "find the lamp"),
        )
    )
    near = recipes.TestTime(similar=2).nearest(mug.task, [lamp, mug, cup])
    assert [one.id for one in near] == ["b", "c"]
    assert recipes.TestTime(similar=1).nearest(mug.task, [lamp, mug, cup]) == [cup]
    assert recipes.TestTime().nearest(mug.task, [mug]) == []


def test_as_a_recipe_it_learns_what_is_near_the_uncertain_episodes() -> None:
    won = next(one for one in played(1) if one.success)
    mug, cup = goal(won, "a", "put a clean mug on the desk"), goal(won, "b", "put a clean cup on the desk")
    lamp, bulb = goal(won, "c", "find the bright lamp"), goal(won, "d", "find the bright bulb")
    told = [
        replace(one, messages=(*one.messages, {"role": "user", "content": one.id})) for one in (mug, cup, lamp, bulb)
    ]
    unsure = [sure(one, 5.0 if one.id == "a" else 0.1) for one in told]
    data = recipes.TestTime(similar=1, share=0.25).examples(unsure)
    assert [row.source.task for row in data.rows] == ["b"]
    assert {one.why: one.count for one in data.dropped} == {"near no uncertain episode": 3}


def model(uri: str) -> Model:
    return load_model(uri, meter=Meter())


class Noted:
    """Notes what is trained on, and lets it be trained."""

    def __init__(self) -> None:
        self.given: list[list[str]] = []

    def recipe(self, **settings: Any) -> recipes.TestTime:
        noted = self.given

        class Noting(recipes.TestTime):
            def train(self, job: Any, data: Any) -> Any:
                noted.append([row.source.task for row in data.rows])
                return super().train(job, data)

        return Noting(**settings)


async def _greedy(uri: str, task: Task) -> list[tuple[int, ...]]:
    """What the base says."""
    one = await play(Locked(), Agent(load_model(f"{uri}?temperature=0"), Meter()))(task, Start(0))
    return [sample.tokens for sample in one.samples if sample]


def _weights(chat: Any) -> dict[str, Any]:
    """Those of the base that is loaded, by their names without an adapter."""
    found = chat.engine._worker._adapters.model.state_dict()
    return {name.replace(".base_layer", ""): part.clone() for name, part in found.items() if "lora" not in name}


def test_an_unsure_case_is_played_with_an_adapter_of_its_own_and_the_base_stays_bit_for_bit(base: Path) -> None:
    tasks = Locked().tasks("validation")
    pool = [sure(one, 1.0) for one in played(3)]
    uri, before, noted, chat = f"hf:{base}", weights_hash(base), Noted(), chat_at(base)

    async def work() -> None:
        plain, loaded = await _greedy(uri, tasks[0]), _weights(chat)
        always = test_time.tuned_at_test_time(model(uri), Locked(), pool, noted.recipe(similar=2, share=1.0), BRIEF)
        one, other = await asyncio.gather(always(tasks[0], Start(0)), always(tasks[1], Start(1)))
        adapters = [{sample.model for sample in found.samples if sample} for found in (one, other)]
        assert [len(names) for names in adapters] == [1, 1] and adapters[0] != adapters[1]
        for found in (one, other):
            assert (found.method, found.attempts, found.model) == ("test_time", 2, uri)
            assert found.usage.calls >= 2 and found.samples
            assert {sample.model.partition("@")[0] for sample in found.samples if sample} == {str(base)}
            assert all("@" in sample.model for sample in found.samples if sample)
        assert await _greedy(uri, tasks[0]) == plain
        after = _weights(chat)
        assert after.keys() == loaded.keys() and all(torch.equal(after[name], loaded[name]) for name in loaded)
        never = test_time.tuned_at_test_time(model(uri), Locked(), pool, noted.recipe(share=0.0), BRIEF)
        assert ((await never(tasks[0], Start(0))).method, (await never(tasks[0], Start(0))).attempts) == ("", 1)

    asyncio.run(work())
    assert [len(given) for given in noted.given] == [2, 2] and weights_hash(base) == before
    assert chat.engine.adapters == ()


def test_what_cannot_be_tuned_is_told(base: Path) -> None:
    pool = [sure(one, 1.0) for one in played(1)]
    with pytest.raises(BadSetting, match="use hf:PATH, without an adapter"):
        test_time.tuned_at_test_time(model("novice"), Locked(), pool)
    with pytest.raises(BadSetting, match="use hf:PATH, without an adapter"):
        test_time.check(f"hf:{base}@x")
    with pytest.raises(BadSetting, match="test split"):
        test_time.tuned_at_test_time(
            model(f"hf:{base}"), Locked(), [replace(one, task=replace(one.task, split="test")) for one in pool]
        )
    with pytest.raises(BadSetting, match="similar=0"):
        recipes.TestTime(similar=0)


def test_a_run_has_it_as_its_engine(base: Path, tmp_path: Path) -> None:
    pool, uri = tmp_path / "pool", f"hf:{base}?max_tokens=40"
    with RunFolder.create(pool, "run", Settings(suite="locked:Locked", split="train", model=uri)) as made:
        for index, one in enumerate(played(3)):
            made.episodes.put(sure(one, 1.0), phase="run", round=0, index=index)
    engine = f"test_time(pool='{pool}', similar=2, share=1.0, steps=2)"
    settings = Settings("locked:Locked", "validation", uri, episodes=2, memory="none", engine=engine)
    result = asyncio.run(run(settings, tmp_path / "out"))
    with Episodes.open(tmp_path / "out") as stored:
        episodes = stored.find("run")
    assert result["episodes"] == 2 and {one.method for one in episodes} == {test_time.METHOD}
    for wrong, why in (
        (replace(settings, method="retry"), "leave out --method retry"),
        (replace(settings, model="novice"), "the model novice cannot be trained at test time"),
        (replace(settings, engine=f"test_time(pool='{tmp_path / 'no'}')"), "there is no episode store at"),
    ):
        with pytest.raises(KnowhowError, match=why):
            asyncio.run(run(wrong, tmp_path / "wrong"))
