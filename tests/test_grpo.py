"""GRPO: whole episodes are played by the model as it is, and trained on token by token as they were sampled."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from locked import Locked, episode, played, tiny_locked

from knowhow.agents.rollout import Job as Episode
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Sample, Step, StopReason, ToolCall
from knowhow.training import reinforcing
from knowhow.training.live import Live
from knowhow.training.recipe import Job
from knowhow.training.recipes.grpo import Grpo
from knowhow.training.reinforcing import Rollout, ability_of, outcome_of, rollout_of
from knowhow.training.settings import Tuning

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train
torch.set_num_threads(1)

SHORT = Tuning(steps=3, batch=2, save_every=1, rank=4, rate=5e-3, longest=2048)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_locked(tmp_path_factory.mktemp("base"))


def test_a_rollout_is_what_was_sampled_and_what_lay_between() -> None:
    two = (Sample((1, 2), (3, 4), (-0.1, -0.2)), Sample((5,), (6,), (-0.3,), kept=4))
    assert rollout_of(two, 0, 99) == Rollout([1, 2], [3, 4, 5, 6], [-0.1, -0.2, 0.0, -0.3], [1, 1, 0, 1])
    assert rollout_of(two, 0, 5) == Rollout([1, 2], [3, 4, 5], [-0.1, -0.2, 0.0], [1, 1, 0])
    rewritten = (two[0], Sample((9,), (6,), (-0.3,), kept=1))
    assert rollout_of(rewritten, 0, 99) == Rollout([1, 2], [3, 4], [-0.1, -0.2], [1, 1])
    nothing = Rollout([7], [7], [0.0], [0])
    assert rollout_of((), 7, 99) == rollout_of((None,), 7, 99) == rollout_of(two, 7, 2) == nothing


def test_a_success_that_used_an_ability_earns_more_and_an_error_is_no_failure() -> None:
    won = episode("take the red key", "unlock the door")
    able = replace(won, steps=(Step(ToolCall("skill_open", {}), won.first), *won.steps))
    half = replace(able, reward=0.5)
    assert [outcome_of(one) for one in (won, able, half)] == [1.0, 1.0, 0.5]
    assert [ability_of(one) for one in (won, able, half)] == [0.0, 1.0, 0.0]
    failed = replace(able, stop=StopReason.ERROR)
    assert outcome_of(failed) is None and ability_of(failed) is None


def test_its_tasks_are_those_of_the_episodes_and_more_where_asked() -> None:
    data = Grpo().examples(played(3))
    assert [row.source.task for row in data.rows] == [f"door {n}" for n in (0, 3, 6)]
    assert data.dropped[0].count == 9
    assert [task.id for task in Grpo().tasks(Locked(), data)] == ["door 0", "door 3", "door 6"]
    more = Grpo(more=5).tasks(Locked(), data)
    assert 5 <= len(more) == len(set(more)) <= 8 and {task.split for task in more} == {"train"}
    elsewhere = replace(data, rows=tuple(replace(row, source=replace(row.source, task="x")) for row in data.rows))
    with pytest.raises(BadSetting, match="none of the 1 tasks"):
        Grpo().tasks(Locked(), elsewhere)


def test_what_cannot_be_is_told(base: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="group=1"):
        Grpo(group=1)
    with pytest.raises(BadSetting, match="temperature"):
        Grpo(temperature=0.0)
    with pytest.raises(BadSetting, match="needs the suite"):
        Grpo().train(Job(base, tmp_path), Grpo().examples(played(1)))
    one = played(1)[0]
    with pytest.raises(BadSetting, match="test split"):
        Grpo().examples([replace(one, task=replace(one.task, split="test"))])


def test_three_steps_play_learn_and_go_on_after_a_kill(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft import PeftModel

    from knowhow.training.tuning import open_base

    class Killed(Exception): ...

    def kill_at_2(step: int, steps: int, loss: float) -> None:
        if step == 2:
            raise Killed

    taken: list[dict[str, Any]] = []
    live = Live.play
    weights: list[dict[str, Any]] = []

    async def noted(self: Any, model: Any, suite: Any, jobs: Any) -> Any:
        weights.append({name: part.clone() for name, part in model.state_dict().items() if "lora" in name})
        found = await live(self, model, suite, jobs)
        taken.append({"jobs": jobs, "played": found})
        return found

    monkeypatch.setattr(Live, "play", noted)
    recipe = Grpo(group=3, beta=0.05, most_steps=3)
    data = recipe.examples(played(4))
    job = Job(base, tmp_path / "job", SHORT, suite=Locked(), progress=kill_at_2)
    with pytest.raises(Killed):
        recipe.train(job, data)
    assert not job.adapter.exists() and list(job.folder.glob("live-*")) == []
    before = len(taken)
    told = recipe.train(replace(job, progress=lambda *_: None), data)
    assert before == 2 and len(taken) == 4  # step 2 was not saved yet when it was killed
    assert taken[1]["jobs"] == taken[2]["jobs"] != taken[3]["jobs"]
    assert all(torch.equal(weights[1][name], weights[2][name]) for name in weights[1])
    said = [[[sample.tokens for sample in one.samples] for one in step["played"]] for step in taken]
    assert said[1] == said[2] != said[3]
    assert len(told["rewards"]) == len(told["kls"]) == told["steps"] == 3 and told["kls"][0] < 1e-4
    for step in taken:
        assert [job.attempt for job in step["jobs"]] == [0, 1, 2] * 2
        assert len({(job.task.id, job.seed) for job in step["jobs"]}) == 2
        assert all(0 < len(one.steps) <= 3 and one.samples for one in step["played"])
    for path in (job.adapter, job.folder / "training.json"):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    again = recipe.train(replace(job, progress=lambda *_: None), data)  # killed after its last checkpoint
    assert len(taken) == 4 and again["outcomes"] == told["outcomes"] != [] and again["kls"] == told["kls"]
    # The log-probabilities that came with the samples are those of the very weights that were being trained.
    model, _ = open_base(base)
    tuned = PeftModel.from_pretrained(model, job.adapter)
    tuned.load_state_dict(weights[-1], strict=False)
    row = rollout_of(taken[-1]["played"][0].samples, 0, 2048)
    with torch.no_grad():
        logits = tuned(torch.tensor([row.prompt_ids + row.completion_ids])).logits[0, len(row.prompt_ids) - 1 : -1]
    known = logits.log_softmax(-1).gather(1, torch.tensor(row.completion_ids)[:, None])[:, 0]
    sampled = torch.tensor(row.env_mask) == 1
    assert torch.allclose(known[sampled], torch.tensor(row.logprobs)[sampled], atol=1e-3)
    assert sampled.any() and not torch.tensor(row.logprobs)[~sampled].any()


def test_what_was_observed_between_the_replies_is_masked() -> None:
    samples = (Sample((1, 2), (3, 4), (-0.1, -0.2)), Sample((5,), (6,), (-0.3,), kept=4))
    row = rollout_of(samples, 0, 2048)
    assert (row.prompt_ids, row.completion_ids, row.env_mask) == ([1, 2], [3, 4, 5, 6], [1, 1, 0, 1])
    assert row.logprobs == [-0.1, -0.2, 0.0, -0.3]


@pytest.mark.parametrize("term", ["outcome_of", "ability_of"])
def test_what_earns_more_becomes_likelier(
    term: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reward, or SAGE's term, is how long the first reply is: what is rewarded has to grow."""
    monkeypatch.setattr(reinforcing, "outcome_of", lambda one: 0.0)
    monkeypatch.setattr(reinforcing, term, lambda one: len(one.samples[0].tokens) / 20)
    recipe = Grpo(group=6, beta=0.0, most_steps=1, skill_bonus=0.5)
    job = Job(base, tmp_path / "job", replace(SHORT, steps=14, rate=2e-2, save_every=100), suite=Locked())
    told = recipe.train(job, recipe.examples(played(2)))
    assert sum(told["rewards"][-4:]) > sum(told["rewards"][:4])
    both = [one + 0.5 * other for one, other in zip(told["outcomes"], told["abilities"], strict=True)]
    assert told["rewards"] == pytest.approx(both, abs=1e-4)


@pytest.mark.parametrize("kind", ["lora", "ia3"])
def test_memory_speaks_to_the_model_that_plays_and_its_weights_leave_again(
    kind: str, base: Path, tmp_path: Path
) -> None:
    from knowhow.agents.types import Query, Recalled
    from knowhow.training.tuning import open_base, with_adapter

    async def remember(query: Query) -> Recalled:
        return Recalled("Red is even.", ("str-00001",))

    model, _ = open_base(base)
    model = with_adapter(model, replace(SHORT, adapter=kind))
    world = Locked()
    world.max_steps = 1
    live = Live(f"hf:{base}", tmp_path, recall=remember)
    (one,) = asyncio.run(live.play(model, world, [Episode(0, world.tasks("train")[0], 0)]))
    assert "Red is even." in one.messages[0]["content"] and one.shown == ("str-00001",)
    assert live.chat.engine.adapters == () and list(tmp_path.iterdir()) == []
    held = live.chat
    asyncio.run(live.play(model, world, [Episode(0, world.tasks("train")[0], 1)]))
    assert live.chat is held and held.engine.adapters == ()
