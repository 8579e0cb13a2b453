"""``knowhow train``, ``knowhow adapters`` and training within an evolution, by the command line."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pocket import episodes, tiny
from typer.testing import CliRunner

from knowhow.evals.cli import app
from knowhow.memory.journal import Journal
from knowhow.training.registry import Registry
from knowhow.training.types import AdapterStatus

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train
torch.set_num_threads(1)


def knowhow(*words: object) -> Any:
    found = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def run_of(folder: Path, **settings: Any) -> Path:
    """A run with episodes that succeeded, though its model never would."""
    from knowhow.evals.folder import RunFolder
    from knowhow.evals.settings import Settings

    with RunFolder.create(folder, "run", Settings(split="train", **settings)) as made:
        for index, one in enumerate(episodes()):
            made.episodes.put(one, phase="run", round=0, index=index)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def run(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of(tmp_path_factory.mktemp("run") / "run", model=f"hf:{base}")


def test_an_adapter_is_trained_tried_listed_used_and_retired(base: Path, run: Path) -> None:
    command = ("train", run, "--base", base, "--steps", 2, "--batch", 2, "--trial", 2, "--kind", "clean", "--json")
    told = json.loads(knowhow(*command))
    id = told["adapter"]["id"]
    assert told["adapter"]["kinds"] == told["adapter"]["taught"] == ["clean"] and told["adapter"]["status"] == "retired"
    assert told["card"]["kinds"] == {"clean": told["card"]["rows"]} and told["estimate"]["steps"] == 2
    assert json.loads(knowhow(*command))["adapter"] == told["adapter"]  # trained once
    assert id in knowhow("adapters", "list", run) and "points on validation" in knowhow("adapters", "list", run)
    page = Path(json.loads(knowhow("report", run, "--json"))["report"]).read_text()
    assert f"<h3>{id} " in page and "<polyline points=" in page and "without it" in page
    assert "is active" in knowhow("adapters", "use", run, id)
    with Journal.open(run / "journal.db") as journal:
        assert [one.id for one in Registry(journal).adapters(AdapterStatus.ACTIVE)] == [id]
    out = run.with_name("played")
    played = ("run", "--model", f"hf:{base}?max_tokens=8", "--split", "train", "--episodes", 6, "--adapters", run)
    knowhow(*played, "--out", out)
    from knowhow.memory.episodes import Episodes

    with Episodes.open(out) as stored:
        models = {one.task.kind: one.model for one in stored.find("run")}
    assert id in models["clean"] and not any(id in model for kind, model in models.items() if kind != "clean")
    assert "is retired" in knowhow("adapters", "retire", run, id)


def test_grpo_plays_with_the_memory_of_the_run_where_it_is_to_remember(base: Path, tmp_path: Path) -> None:
    from knowhow.evals.folder import RunFolder
    from knowhow.evals.settings import Settings
    from knowhow.memory.delta import Draft
    from knowhow.memory.store import Memory
    from knowhow.memory.types import Item, Status
    from knowhow.training.live import Live

    learned = tmp_path / "learned"
    with RunFolder.create(learned, "evolve", Settings(memory="playbook")):
        draft = Draft({})
        draft.add(Item("str-00001", "playbook", "Open what is closed.", status=Status.ACTIVE), "known")
    with Memory.open(learned, create=True) as memory:
        memory.commit(draft.edits)
    run = run_of(tmp_path / "run", model=f"hf:{base}", memory=str(learned))
    prompts: list[str] = []
    play = Live.play

    async def noted(self: Any, model: Any, suite: Any, jobs: Any) -> Any:
        played = await play(self, model, suite, jobs)
        prompts.extend(str(one.messages[0]["content"]) for one in played)
        return played

    recipe = ("--recipe", "grpo(group=2, most_steps=1)", "--steps", 1, "--batch", 1, "--trial", 0)
    command = ("train", run, "--base", base, *recipe, "--json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Live, "play", noted)
        forgetful = json.loads(knowhow(*command))["adapter"]
        without = len(prompts)
        remembering = json.loads(knowhow(*command, "--remember"))["adapter"]
        assert json.loads(knowhow(*command, "--remember"))["adapter"] == remembering, "trained once"
    assert forgetful["id"] != remembering["id"] and len(prompts) == 2 * without == 4
    assert ["Open what is closed." in prompt for prompt in prompts] == [False, False, True, True]
    bare = run_of(tmp_path / "bare", model=f"hf:{base}")
    found = CliRunner().invoke(app, [str(word) for word in (command[0], bare, *command[2:], "--remember")])
    assert found.exit_code and "nothing to remember" in str(found.exception)


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(base: Path, run: Path) -> None:
    before = sorted(run.rglob("*"))
    told = knowhow("train", run, "--base", base, "--epochs", 2, "--batch", 4, "--dry-run")
    assert "# Data card" in told and "steps" in told and " MB" in told
    assert sorted(run.rglob("*")) == before


def test_an_evolution_trains_every_so_many_rounds_and_resumes(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "evolved"
    model = f"hf:{base}?max_tokens=8"
    told = json.loads(
        knowhow(
            *("evolve", "--model", model, "--episodes", 4, "--rounds", 2, "--validation", 2, "--train-every", 1),
            *(
                "--recipe",
                "grpo(group=2, most_steps=1)",
                "--tuning",
                "steps=2, batch=2",
                "--trial",
                2,
                "--out",
                out,
                "--json",
            ),
        )
    )
    assert len(told["rounds"]) == 2
    with Journal.open(out / "journal.db") as journal:
        found = Registry(journal).adapters()
    assert found and {one.recipe for one in found} == {"grpo(group=2, most_steps=1)"}
    assert all("trial" in one.metrics and (out / one.path).is_dir() for one in found)
    assert json.loads(knowhow("evolve", "--resume", out, "--json"))["rounds"] == told["rounds"]
    with Journal.open(out / "journal.db") as journal:
        assert Registry(journal).adapters() == found


def test_an_evolution_goes_on_where_its_rounds_give_nothing_to_train_on(base: Path, tmp_path: Path) -> None:
    play = ("evolve", "--model", f"hf:{base}?max_tokens=8", "--episodes", 4, "--rounds", 2, "--validation", 2)
    told = json.loads(knowhow(*play, "--train-every", 1, "--recipe", "dpo", "--out", tmp_path / "evolved", "--json"))
    assert len(told["rounds"]) == 2, "it never succeeds, so that there are no pairs"
    with Journal.open(tmp_path / "evolved" / "journal.db") as journal:
        assert Registry(journal).adapters() == []


def test_recipes_and_kinds_of_adapter_are_listed() -> None:
    told = json.loads(knowhow("recipes", "--json"))
    assert {"sft", "dpo", "kto", "verifier"} <= {one["name"] for one in told["recipes"]}
    assert {"lora", "dora"} <= {one["name"] for one in told["adapters"]}


def test_what_cannot_be_trained_is_one_line(base: Path, tmp_path: Path) -> None:
    found = CliRunner().invoke(
        app, ["evolve", "--model", "novice", "--train-every", "1", "--out", str(tmp_path / "no")]
    )
    assert found.exit_code and "takes no adapters" in str(found.exception)
    knowhow("run", "--episodes", 1, "--split", "validation", "--out", tmp_path / "validation")
    found = CliRunner().invoke(app, ["train", str(tmp_path / "validation"), "--base", str(base)])
    assert found.exit_code and "has no episodes of the training split" in str(found.exception)
    found = CliRunner().invoke(app, ["train", str(tmp_path / "validation"), "--base", str(base), "--replay", "2"])
    assert found.exit_code and "--replay 2 says how many rows of an old run" in str(found.exception)


def test_data_that_tells_of_a_test_task_is_refused(base: Path, tmp_path: Path) -> None:
    from knowhow.evals.folder import RunFolder
    from knowhow.evals.leaks.copies import Known
    from knowhow.evals.settings import Settings
    from knowhow.evals.stage import open_suite
    from knowhow.evals.tasks import ordered

    suite = open_suite("household")
    trained = Known({task.id: task.goal for task in suite.tasks("train")})
    goal = next(task.goal for task in ordered(suite, "test", 0)[:200] if not trained.in_("", task.goal))
    with RunFolder.create(tmp_path / "run", "run", Settings(split="train", model=f"hf:{base}")) as made:
        for index, one in enumerate(episodes()):
            made.episodes.put(replace(one, task=replace(one.task, goal=goal)), phase="run", round=0, index=index)
    command = ("train", tmp_path / "run", "--base", base, "--dry-run", "--json")
    found = CliRunner().invoke(app, [*map(str, command)])
    assert found.exit_code and "--allow-leaks" in str(found.exception)
    lost = run_of(tmp_path / "lost", model=f"hf:{base}")
    with RunFolder.open(lost) as made:  # an episode that teaches nothing
        one = next(one for one in episodes() if not one.success)
        told = replace(one, id="lost", steps=tuple(replace(step, said=goal) for step in one.steps))
        made.episodes.put(told, phase="run", round=0, index=999)
    assert json.loads(knowhow("train", lost, "--base", base, "--dry-run", "--json"))["card"]
    found = CliRunner().invoke(app, ["train", str(lost), "--base", str(base), "--old", str(lost), "--dry-run"])
    assert found.exit_code and "is trained on already" in str(found.exception)
    assert json.loads(knowhow(*command, "--allow-leaks"))["card"]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (("--adapter", "lorra"), "adapter='lorra' is none of "),
        (("--report-to", "nosuch"), "report_to='nosuch' is none of tensorboard, mlflow, wandb"),
        (("--epochs", "nan"), "epochs=nan must be a number above 0"),
        (("--rate", "inf"), "rate=inf must be a number above 0"),
        (("--longest", "10", "--dry-run"), "has a reply within 10 tokens"),
        (("--rate", "-1"), "rate=-1.0 must be a number above 0"),
    ],
)
def test_a_tuning_that_cannot_be_is_told_before_anything_is_done(
    given: tuple[str, str], complaint: str, base: Path, run: Path
) -> None:
    found = CliRunner().invoke(app, ["train", str(run), "--base", str(base), *given])
    assert found.exit_code and complaint in str(found.exception)


def test_a_run_by_adapters_of_which_none_is_active_is_refused(base: Path, run: Path, tmp_path: Path) -> None:
    bare = run_of(tmp_path / "bare", model=f"hf:{base}")
    with Journal.open(bare / "journal.db", create=True):
        pass
    command = ("run", "--model", f"hf:{base}", "--episodes", "1", "--adapters", str(bare), "--out", str(tmp_path / "o"))
    found = CliRunner().invoke(app, command)
    assert found.exit_code and "no adapter of" in str(found.exception) and "it has none" in str(found.exception)


def test_a_run_without_adapters_says_so_and_a_training_that_cannot_be_leaves_nothing(
    base: Path, tmp_path: Path
) -> None:
    run = run_of(tmp_path / "run", model=f"hf:{base}")
    assert "there is no adapter yet" in knowhow("adapters", "list", run)
    for command, complaint in (
        (("adapters", "use", run, "ada-00001"), "has none yet"),
        (("adapters", "list", tmp_path), "no run folder"),
        (("train", run, "--base", base, "--recipe", "leap", "--longest", 10, "--steps", 1), "within 10 tokens"),
        (("train", run, "--base", base, "--longest", 10, "--steps", 1), "within 10 tokens"),
    ):
        found = CliRunner().invoke(app, [str(word) for word in command])
        assert found.exit_code and complaint in str(found.exception), command
    assert not (run / "adapters").exists() or not list((run / "adapters").iterdir())


def test_what_a_person_settled_and_what_the_budget_cut_off_stays_as_it_is(base: Path, tmp_path: Path) -> None:
    from knowhow.evals.adapter_trial import put_to_trial
    from knowhow.evals.folder import RunFolder
    from knowhow.evals.stage import open_stage
    from knowhow.evals.watch import Silent

    run = run_of(tmp_path / "settled", model=f"hf:{base}?max_tokens=8", budget_calls=1)
    command = ("train", run, "--base", base, "--steps", 2, "--batch", 2, "--json")
    made = json.loads(knowhow(*command, "--trial", 0))["adapter"]["id"]
    knowhow("adapters", "use", run, made)
    assert json.loads(knowhow(*command, "--trial", 2))["adapter"]["status"] == "active"
    knowhow("adapters", "retire", run, made)
    assert json.loads(knowhow(*command, "--trial", 2))["adapter"]["status"] == "retired"
    other = json.loads(knowhow(*command, "--trial", 0, "--seed", 7))["adapter"]["id"]
    with RunFolder.open(run) as folder, Journal.open(run / "journal.db") as journal:
        registry = Registry(journal)
        verdict = asyncio.run(put_to_trial(open_stage(folder, Silent()), registry, registry.get(other)))
        assert verdict.status is AdapterStatus.CANDIDATE and "budget" in verdict.why
        assert registry.get(other).status is AdapterStatus.CANDIDATE and "trial" not in registry.get(other).metrics


def test_an_adapter_for_a_kind_of_task_is_tried_on_that_kind(base: Path, tmp_path: Path) -> None:
    from knowhow.evals.folder import RunFolder

    run = run_of(tmp_path / "kinds", model=f"hf:{base}?max_tokens=8")
    with RunFolder.open(run) as folder:
        kinds = {one.task.kind for one in folder.episodes.find("run")}
    kind = sorted(kinds)[0]
    command = ("train", run, "--base", base, "--steps", 1, "--batch", 2, "--kind", kind, "--trial", 3, "--json")
    made = json.loads(knowhow(*command))["adapter"]
    with RunFolder.open(run) as folder:
        for phase in (f"trial {made['id']}", f"trial {made['id']} without"):
            assert [one.task.kind for one in folder.episodes.find(phase)] == [kind] * 3
    assert made["metrics"]["trial"]["old"] is None


def test_a_judge_of_attempts_is_neither_tried_as_a_player_nor_made_one(base: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "judged", model=f"hf:{base}")
    command = ("train", run, "--base", base, "--recipe", "verifier(balanced=False)", "--steps", 2, "--batch", 2)
    said = knowhow(*command, "--trial", 2)
    assert "judges attempts" in said and "verified(by='hf:" in said and "play with it" not in said
    with Journal.open(run / "journal.db") as journal:
        (made,) = Registry(journal).adapters()
    assert made.status is AdapterStatus.CANDIDATE and "trial" not in made.metrics
    found = CliRunner().invoke(app, ["adapters", "use", str(run), made.id])
    assert found.exit_code and "plays none" in str(found.exception)
