"""Training: what goes in is what was said, what comes out is whole, and only what gains is used."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pocket import episodes, tiny

from knowhow.agents.local.weights import check_base, weights_hash
from knowhow.environments.discover import build
from knowhow.environments.errors import BadSetting, KnowhowError, UnknownName
from knowhow.environments.types import Feedback, Sample, Step, StopReason, ToolCall, Trajectory
from knowhow.evals.adapter_trial import judged
from knowhow.memory.journal import Journal
from knowhow.training.recipes.step_masking import StepMasking, detours
from knowhow.training.recipes.verifier import Verifier
from knowhow.training.recipes.weighted import Weighted, entropy
from knowhow.training.registry import Registry, serving
from knowhow.training.settings import Tuning
from knowhow.training.types import Adapter, AdapterStatus, Example, Pair, Source

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train
torch.set_num_threads(1)

SHORT = Tuning(steps=3, batch=2, save_every=1, rank=4)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("base"))


def test_the_replies_count_and_nothing_else_and_they_are_what_was_said(base: Path) -> None:
    from knowhow.training.examples import whole
    from knowhow.training.tokens import rows
    from knowhow.training.tuning import open_base

    _, tokenizer = open_base(base)
    won = next(one for one in episodes() if one.success)
    (row,) = rows(tokenizer, whole(won))
    said = tokenizer.decode([token for token, weight in zip(row.ids, row.weights, strict=True) if weight])
    calls = [json.loads(part.split("</tool_call>")[0]) for part in said.split("<tool_call>")[1:]]
    assert [call["arguments"] for call in calls] == [dict(step.call.arguments) for step in won.steps if step.call]
    assert "Possible commands" not in said and "Possible commands" in tokenizer.decode(row.ids)


def test_sampled_replies_are_trained_on_token_by_token_as_they_were_drawn(base: Path) -> None:
    from knowhow.training.tokens import rows
    from knowhow.training.tuning import open_base

    _, tokenizer = open_base(base)
    messages = ({"role": "user"}, {"role": "assistant"}, {"role": "user"}, {"role": "assistant"})
    samples = (Sample((1, 2), (3, 4), (-0.1, -0.2)), Sample((5,), (6,), (-0.3,), kept=4))
    example = Example(messages, (0.0, 1.0, 0.0, 0.5), episodes_source(), samples=samples)
    (row,) = rows(tokenizer, example)
    assert row.ids == (1, 2, 3, 4, 5, 6) and row.weights == (0.0, 0.0, 1.0, 1.0, 0.0, 0.5)
    (cut,) = rows(tokenizer, example, longest=5)
    assert cut.ids == (1, 2, 3, 4, 5)
    forgetful = replace(example, samples=(samples[0], Sample((9, 9), (6,), (-0.3,), kept=1)))
    assert [row.ids for row in rows(tokenizer, forgetful)] == [(1, 2, 3, 4), (1, 9, 9, 6)]


@pytest.mark.parametrize("token", [7, 9_999])
def test_what_another_models_tokens_say_goes_through_the_template(token: int, base: Path) -> None:
    from knowhow.training.examples import whole
    from knowhow.training.tokens import rows
    from knowhow.training.tuning import open_base

    _, tokenizer = open_base(base)
    won = next(one for one in episodes() if one.success)
    example = whole(won)
    said = [one for one in example.messages if one["role"] == "assistant"]
    foreign = replace(example, samples=tuple(Sample((1, 2), (token, 3), (-0.1, -0.2)) for _ in said))
    assert rows(tokenizer, foreign) == rows(tokenizer, example)


def test_an_example_moves_as_far_as_it_weighs_whatever_is_in_its_batch() -> None:
    from knowhow.training.imitating import weighted_loss

    logits, ids = torch.randn(1, 4, 9), torch.tensor([[1, 2, 3, 4]])
    once, masked = torch.tensor([[0.0, 1.0, 1.0, 1.0]]), torch.tensor([[0.0, 1.0, 0.0, 0.0]])
    plain = weighted_loss(logits, ids, once)
    assert weighted_loss(logits, ids, 2 * once) == pytest.approx(2 * float(plain))
    assert weighted_loss(logits, ids, 0.1 * masked) == pytest.approx(0.1 * float(weighted_loss(logits, ids, masked)))


def episodes_source() -> Source:
    from knowhow.training.provenance import source_of

    return source_of(episodes()[0])


@pytest.mark.parametrize("recipe", ["sft", "weighted", "step_masking", "dpo", "kto", "verifier"])
def test_a_recipe_makes_an_adapter_that_changes_what_the_base_says_and_leaves_the_base(
    recipe: str, base: Path, tmp_path: Path
) -> None:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from peft import PeftModel

    from knowhow.agents.tracing import traced
    from knowhow.training.train import plan, train
    from knowhow.training.tuning import open_base

    before = weights_hash(base)
    with Journal.open(tmp_path / "journal.db", create=True) as journal:
        with traced(spans := InMemorySpanExporter()):
            adapter = train(plan(episodes(), recipe, base, replace(SHORT, longest=2048)), Registry(journal), tmp_path)
        assert Registry(journal).adapters() == [adapter]
    trained = spans.get_finished_spans()
    assert [span.name for span in trained] == [f"train {recipe}", "edit memory"]
    assert trained[0].attributes and trained[0].attributes["knowhow.rows"]
    assert adapter.status is AdapterStatus.CANDIDATE and adapter.base_hash == before == weights_hash(base)
    check_base(tmp_path / adapter.path, base)
    assert adapter.kinds == () and adapter.taught == tuple(sorted({one.task.kind for one in episodes()}))
    assert math.isfinite(adapter.metrics["training"]["loss_last"]) and adapter.metrics["training"]["steps"] == 3
    model, tokenizer = open_base(base)
    ids = torch.tensor([tokenizer("go to", add_special_tokens=False)["input_ids"]])
    with torch.no_grad():
        plain = model(ids).logits
        tuned = PeftModel.from_pretrained(model, tmp_path / adapter.path)
        assert not torch.equal(tuned(ids).logits, plain)
        with tuned.disable_adapter():
            assert torch.equal(tuned(ids).logits, plain)


def test_short_trainings_are_kept_in_tenths_and_long_ones_every_fifty_steps() -> None:
    assert [Tuning().between_checkpoints(updates) for updates in (3, 60, 500, 9000)] == [1, 6, 50, 50]
    assert Tuning(save_every=7).between_checkpoints(9000) == 7


def test_a_training_that_was_killed_goes_on_and_what_was_half_written_goes(base: Path, tmp_path: Path) -> None:
    from knowhow.training.train import plan, train

    class Killed(Exception): ...

    def kill_at_2(step: int, steps: int, loss: float) -> None:
        if step == 2:
            raise Killed

    steps: list[int] = []
    made = plan(episodes(), "sft", base, replace(SHORT, steps=4))
    with Journal.open(tmp_path / "journal.db", create=True) as journal:
        registry = Registry(journal)
        with pytest.raises(Killed):
            train(made, registry, tmp_path, kill_at_2)
        assert registry.adapters() == []
        (folder,) = (tmp_path / "adapters").iterdir()
        half = folder / "checkpoint-9"
        half.mkdir()
        (half / "adapter_model.safetensors").write_bytes(b"half")
        adapter = train(made, registry, tmp_path, lambda step, steps_, loss: steps.append(step))
        assert steps[0] == 2 and steps[-1] == 4 and not half.exists()
        assert (tmp_path / adapter.path / "adapter_model.safetensors").exists()
        assert train(made, registry, tmp_path) == adapter  # done before: not done again


def test_a_full_disk_is_told_and_nothing_half_written_is_registered(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knowhow.training import tuning
    from knowhow.training.train import plan, train

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    made = plan(episodes(), "sft", base, SHORT)
    with Journal.open(tmp_path / "journal.db", create=True) as journal:
        with monkeypatch.context() as patched:
            patched.setattr(tuning, "_to_disk", full)
            with pytest.raises(KnowhowError, match="no room left"):
                train(made, Registry(journal), tmp_path)
        assert Registry(journal).adapters() == [] and not list(tmp_path.rglob("adapter"))
        assert train(made, Registry(journal), tmp_path).metrics["training"]["steps"] == 3


def test_the_student_of_a_distillation_reads_the_same_replies_without_the_memory(base: Path, tmp_path: Path) -> None:
    from knowhow.agents.prompt import render
    from knowhow.training.distilling import _lessons, divergence
    from knowhow.training.recipes.context_distillation import ContextDistillation
    from knowhow.training.train import plan, train
    from knowhow.training.tuning import open_base

    def remembering(one: Trajectory) -> Trajectory:
        system = {"role": "system", "content": render("act", memory="\nAlways look under the bed. [str-00001]\n")}
        return replace(one, messages=(system, *one.messages[1:]), shown=("str-00001",))

    played = [remembering(one) for one in episodes()[:8]]
    _, tokenizer = open_base(base)
    data = ContextDistillation().examples(played)
    (lesson,) = _lessons(tokenizer, data.rows[0], 4096)
    assert "under the bed" in tokenizer.decode(lesson.teacher.ids)
    assert "under the bed" not in tokenizer.decode(lesson.student.ids)
    with Journal.open(tmp_path / "journal.db", create=True) as journal:
        made = plan([*played, *episodes()[8:10]], "context_distillation", base, SHORT)
        assert {one.why: one.count for one in made.data.dropped}["memory showed nothing"] == 2
        adapter = train(made, Registry(journal), tmp_path)
    assert adapter.metrics["training"]["prompt_tokens_saved"] > 0
    logits = torch.randn(5, 7)
    assert divergence(logits, logits, 1.0).abs() < 1e-6 < divergence(logits, torch.zeros(5, 7), 1.0)


@pytest.mark.parametrize("kind", ["dora", "rslora", "pissa", "vera", "loha", "lokr", "oft", "ia3"])
def test_other_kinds_of_adapter_train_and_become_plain_lora_for_servers(kind: str, base: Path, tmp_path: Path) -> None:
    from knowhow.training.plain import as_plain, is_plain
    from knowhow.training.train import plan, train

    made = plan(episodes(), "sft", base, replace(SHORT, steps=3, rate=0.05, rank=4, adapter=kind))
    with Journal.open(tmp_path / "journal.db", create=True) as journal:
        own = tmp_path / train(made, Registry(journal), tmp_path).path
    bare, trained = logits(base), logits(base, own)
    assert (trained - bare).abs().max() > 0.01
    plain = as_plain(own, base, rank=64)
    assert is_plain(plain) and (plain == own) == (kind in ("rslora", "pissa")) and as_plain(own, base, rank=64) == plain
    assert (logits(base, plain) - trained).abs().max() < 1e-3 * (trained - bare).abs().max()


def test_an_adapter_that_is_far_from_plain_lora_is_refused_with_the_reason(base: Path, tmp_path: Path) -> None:
    from peft import LoKrConfig, get_peft_model

    from knowhow.training.plain import as_plain
    from knowhow.training.tuning import open_base

    torch.manual_seed(0)
    config = LoKrConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM", init_weights=False)
    get_peft_model(open_base(base)[0], config).save_pretrained(tmp_path / "lokr")
    with pytest.raises(BadSetting, match=r"one of rank 1 would hold only \d+% of it; train with --adapter lora"):
        as_plain(tmp_path / "lokr", base, rank=1)
    with pytest.raises(BadSetting, match="is no adapter"):
        as_plain(base, base)
    assert [path.name for path in tmp_path.iterdir()] == ["lokr"]


def test_the_seed_decides_the_first_weights_of_an_adapter(base: Path, tmp_path: Path) -> None:
    from knowhow.training.tuning import open_base, save, with_adapter

    def first(seed: int) -> str:
        save(with_adapter(open_base(base)[0], Tuning(seed=seed)), tmp_path / "made")
        return weights_hash(tmp_path / "made")

    one, *others = first(1), first(1), first(2)
    assert one == others[0] != others[1]


def test_an_adapter_that_begins_as_a_part_of_the_base_leaves_it_as_it_was(base: Path, tmp_path: Path) -> None:
    from knowhow.agents.local.engine import Engine
    from knowhow.training.tuning import open_base, save, with_adapter

    pissa = Tuning(adapter="pissa", rank=4)
    save(with_adapter(open_base(base)[0], pissa), tmp_path / "untrained")
    assert (logits(base, tmp_path / "untrained") - logits(base)).abs().max() < 1e-4
    with pytest.raises(BadSetting, match="changes the base that this recipe compares with"):
        with_adapter(open_base(base)[0], pissa, reference=True)
    with_adapter(open_base(base)[0], pissa).save_pretrained(tmp_path / "raw")
    with pytest.raises(BadSetting, match="and would change them"):
        Engine(base).load_adapter("raw", tmp_path / "raw")


def logits(base: Path, adapter: Path | None = None) -> Any:
    from peft import PeftModel

    from knowhow.training.tuning import open_base

    model, _ = open_base(base)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter)
    with torch.no_grad():
        return model(torch.arange(20)[None]).logits


def test_what_cannot_be_trained_is_told_in_a_line(base: Path, tmp_path: Path) -> None:
    from knowhow.training.train import plan
    from knowhow.training.tuning import open_base

    lost = [one for one in episodes() if not one.success]
    with pytest.raises(BadSetting, match=r"finds nothing to train on .*not successful"):
        plan(lost, "sft", base, SHORT)
    with pytest.raises(UnknownName, match="did you mean sft"):
        plan(lost, "sftt", base, SHORT)
    with pytest.raises(BadSetting, match="holds no model"):
        open_base(tmp_path)
    with pytest.raises(BadSetting, match="holds no weights"):
        weights_hash(tmp_path)
    with pytest.raises(BadSetting, match="rank is 0"):
        Tuning(rank=0)


def test_uncertain_tasks_weigh_more() -> None:
    assert entropy(0.5) == 1 and entropy(0.0) == entropy(1.0) == 0
    sure, unsure = episodes()[0], episodes()[1]
    played = [sure, sure, *(replace(one, task=unsure.task) for one in (sure, unsure))]
    played = [replace(one, task=replace(one.task, id="a" if n < 2 else "b")) for n, one in enumerate(played)]
    assert Weighted(floor=0.2).weights(played) == {"household/a": 0.2, "household/b": 2.0}
    assert set(Weighted(sharpness=0.0, floor=0.0).weights(played).values()) == {1.0}
    once = [replace(one, task=replace(one.task, id=f"{n}", kind="put")) for n, one in enumerate([sure, unsure] * 5)]
    assert set(Weighted().weights(once).values()) == {1.0}
    again = [*once, replace(unsure, task=once[0].task)]  # that one task was played twice says nothing of the others
    assert max(Weighted().weights(again).values()) < 1.1
    cut = [replace(unsure, task=sure.task, stop=StopReason.BUDGET)] * 3
    assert Weighted(floor=0.2).weights([*played, *cut]) == Weighted(floor=0.2).weights(played)
    rows = Weighted(floor=0.2).examples(played).rows
    assert {max(row.weights) for row in rows} == {0.2, 2.0}


def test_a_detour_is_masked_and_what_led_out_of_it_is_not() -> None:
    def seen(*commands: str) -> Feedback:
        return Feedback("", commands=commands)

    won = next(one for one in episodes() if one.success)
    steps = [Step(ToolCall("act", {"command": name}), seen(*after)) for name, *after in ("ab", "bc", "ca", "dd", "ee")]
    told = replace(won, first=seen("a"), steps=tuple(steps))
    assert detours(told) == {0, 1, 2}
    assert detours(won) <= set(range(len(won.steps)))
    reflecting, silent = (StepMasking(reflect=reflect).examples(episodes()) for reflect in (True, False))
    assert len(reflecting.rows) == len(silent.rows) > 0
    assert all(sum(row.weights) <= sum(m["role"] == "assistant" for m in row.messages) for row in silent.rows)


def test_a_verifier_learns_from_as_many_failures_as_successes_and_sees_no_label() -> None:
    data = Verifier().examples(episodes())
    answers = [row.messages[-1]["content"] for row in data.rows]
    assert answers.count("yes") == answers.count("no") > 0
    one = next(one for one in episodes() if one.success)
    asked = next(row for row in data.rows if row.source.trajectory == one.id)
    lost = next(one for one in episodes() if not one.success)
    won = [one for one in episodes() if one.success][:4]
    told = [row.messages[-1]["content"] for row in Verifier().examples([*won, lost, lost, lost, lost]).rows]
    assert sorted(told) == ["no", "yes"], "what is there four times is one answer"
    said = asked.messages[0]["content"].strip()
    assert "reward" not in said and said.endswith("yes or no.")


def test_pairs_part_where_a_success_and_a_failure_of_one_world_did() -> None:
    from knowhow.training.recipes.dpo import Dpo

    rows = Dpo().examples(episodes()).rows
    assert rows and all(isinstance(row, Pair) and row.chosen != row.rejected for row in rows)


def adapter(number: int, kinds: Sequence[str] = (), status: AdapterStatus = AdapterStatus.CANDIDATE) -> Adapter:
    id = f"ada-{number:05d}"
    return Adapter(id, f"adapters/{id}", "base", "hash", "sft", {}, "data", 1, kinds=tuple(kinds), status=status)


def test_the_registry_tells_what_is_used_why_and_how_to_go_back(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db", create=True) as journal:
        registry = Registry(journal)
        for number, kinds in enumerate([(), ("clean",), ()], 1):
            registry.add(adapter(number, kinds), "trained")
        registry.settle("ada-00001", AdapterStatus.ACTIVE, "gained", {"trial": 1})
        version = journal.version
        assert registry.settle("ada-00003", AdapterStatus.ACTIVE, "gained more").status is AdapterStatus.ACTIVE
        assert registry.get("ada-00001").status is AdapterStatus.RETIRED
        assert journal.log()[-1].note == "gained more"
        journal.rollback(version)
        assert [one.id for one in registry.adapters(AdapterStatus.ACTIVE)] == ["ada-00001"]
        assert registry.get("ada-00001").metrics == {"trial": 1}
        with pytest.raises(UnknownName, match="ada-00009"):
            registry.get("ada-00009")


def test_an_adapter_for_some_kinds_stands_beside_the_one_for_all_of_them(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db", create=True) as journal:
        registry = Registry(journal)
        for number, kinds in enumerate([(), ("clean",), ("clean", "heat"), ()], 1):
            registry.add(adapter(number, kinds), "trained")

        def use(number: int) -> list[int]:
            registry.settle(f"ada-{number:05d}", AdapterStatus.ACTIVE, "gained")
            return [int(one.id[-5:]) for one in registry.adapters(AdapterStatus.ACTIVE)]

        assert [use(1), use(2)] == [[1], [1, 2]]
        found = registry.adapters()
        assert [serving(found, "hash", kind) for kind in ("clean", "heat")] == [found[1], found[0]]
        assert use(3) == [1, 3], "it serves all that the second one does"
        assert use(4) == [4]


def test_each_kind_of_task_gets_the_adapter_that_was_made_for_it() -> None:
    for_all, for_clean = (adapter(n, kinds, AdapterStatus.ACTIVE) for n, kinds in ((1, ()), (2, ("clean",))))
    retired = adapter(3, ("heat",), AdapterStatus.RETIRED)
    every = [for_all, for_clean, retired]
    assert [serving(every, "hash", kind) for kind in ("clean", "heat")] == [for_clean, for_all]
    assert serving(every, "another base", "clean") is None is serving([for_clean], "hash", "heat")


def test_an_adapter_is_used_only_where_it_gains_and_other_tasks_do_not_fall() -> None:
    def played(rewards: Sequence[float], kind: str) -> list[Trajectory]:
        one = episodes()[0]
        return [
            replace(one, task=replace(one.task, id=f"{kind} {n}", kind=kind), reward=r) for n, r in enumerate(rewards)
        ]

    better, worse = [1.0] * 20, [0.0] * 15 + [1.0] * 5
    assert judged(played(better, "heat"), played(worse, "heat"), ()).status is AdapterStatus.ACTIVE
    assert judged(played(worse, "heat"), played(better, "heat"), ()).status is AdapterStatus.RETIRED
    same = judged(played(better, "heat"), played(better, "heat"), ())
    assert same.status is AdapterStatus.RETIRED and "no gain" in same.why
    fell = judged(
        played(better, "heat") + played(worse, "clean"), played(worse, "heat") + played(better, "clean"), ("heat",)
    )
    assert fell.status is AdapterStatus.RETIRED and "other tasks fell" in fell.why and fell.old and fell.old[0] < 0


def test_an_episode_that_was_cut_off_says_nothing_of_an_adapter() -> None:
    one = episodes()[0]
    tasks = [replace(one.task, id=str(n), kind="heat") for n in range(20)]
    with_it = [replace(one, task=task, reward=1.0) for task in tasks]
    without = [replace(one, task=task, reward=0.0) for task in tasks]
    cut = [replace(other, stop=StopReason.BUDGET) for other in without[1:]]
    assert judged(with_it, [*without[:1], *cut], ()).new == judged(with_it[:1], without[:1], ()).new
    assert judged(list(reversed(with_it)), without[:10], ()).new == judged(with_it[:10], without[:10], ()).new
    assert judged(with_it, cut, ()).status is AdapterStatus.RETIRED


@pytest.mark.parametrize(
    ("recipe", "complaint"),
    [
        ("sft(cap=-1)", "cap=-1 must be a whole number of at least 0"),
        ("weighted(floor=2)", "floor=2 must be a number from 0 to 1"),
        ("kto(beta=-1)", "beta=-1 must be a number above 0"),
        ("dpo(beta=0)", "beta=0 must be a number above 0"),
        ("context_distillation(temperature=0)", "temperature=0 must be a number above 0"),
        ("leap(beta=0.0)", "beta=0.0 must be a number above 0"),
    ],
)
def test_settings_that_no_training_can_have_are_told(recipe: str, complaint: str) -> None:
    with pytest.raises(BadSetting, match=re.escape(complaint)):
        build("knowhow.training.recipes", recipe)


def test_kto_takes_its_rows_mixed_and_a_batch_of_one_is_refused(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knowhow.training import preferring
    from knowhow.training.recipe import Job
    from knowhow.training.recipes.kto import Kto

    taken: list[bool] = []

    def noted(job: Job, data: Sequence[Any], *_: Any, **__: Any) -> dict[str, Any]:
        taken.extend(row.good for row in data)
        return {}

    monkeypatch.setattr(preferring, "_trained", noted)
    data = Kto().examples(episodes())
    assert sum(row.good for row in data.rows) * 2 == len(data.rows) and len(set(map(str, data.rows))) == len(data.rows)
    Kto().train(Job(base, tmp_path, SHORT), data)
    batches = [taken[at : at + 4] for at in range(0, len(taken) - 3, 4)]
    assert sorted(taken) == sorted(row.good for row in data.rows)
    assert sum(len(set(batch)) > 1 for batch in batches) > len(batches) / 2
    with pytest.raises(BadSetting, match="batch of at least 2"):
        Kto().train(Job(base, tmp_path, replace(SHORT, batch=1)), data)


def test_kto_lets_the_scarcer_outcome_count_for_as_much_as_the_other(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knowhow.training import preferring
    from knowhow.training.recipe import Job
    from knowhow.training.recipes.kto import Kto
    from knowhow.training.tuning import arguments

    assert preferring.evened(5, 5) == preferring.evened(5, 10) == {"desirable_weight": 1, "undesirable_weight": 1}
    given: list[dict[str, Any]] = []

    def noted(*words: Any, **settings: Any) -> Any:
        given.append(settings)
        return arguments(*words, **settings)

    monkeypatch.setattr(preferring, "arguments", noted)
    recipe = Kto(balanced=False)
    rows = recipe.examples(episodes())
    good = [row for row in rows.rows if row.good][:2]
    uneven = replace(rows, rows=(*good, *[row for row in rows.rows if not row.good][:4]))
    assert len(uneven.rows) == 6
    measured = recipe.train(Job(base, tmp_path, replace(SHORT, batch=2)), uneven)
    assert measured["rows"] == 6
    assert (given[0]["desirable_weight"], given[0]["undesirable_weight"]) == (2, 1)


def test_the_student_of_a_distillation_sees_no_skill_and_its_teacher_is_the_base(base: Path, tmp_path: Path) -> None:
    from knowhow.training.distilling import _lessons
    from knowhow.training.examples import whole
    from knowhow.training.recipe import Job
    from knowhow.training.recipes.context_distillation import ContextDistillation
    from knowhow.training.tuning import open_base

    won = next(one for one in episodes() if one.success)
    skill = {"type": "function", "function": {"name": "skill_put_it", "description": "", "parameters": {}}}
    shown = replace(won, tools=(*won.tools, skill), shown=("ski-00001",))
    _, tokenizer = open_base(base)
    (lesson,) = _lessons(tokenizer, whole(shown), 4096)
    teacher, student = (tokenizer.decode(side.ids) for side in (lesson.teacher, lesson.student))
    assert "skill_put_it" in teacher and "skill_put_it" not in student
    with pytest.raises(BadSetting, match="changes the base that this recipe compares with"):
        ContextDistillation().train(
            Job(base, tmp_path, replace(SHORT, adapter="pissa")), ContextDistillation().examples([shown])
        )


def test_what_a_training_has_to_do_is_told_before() -> None:
    from knowhow.environments.suites.household import Household
    from knowhow.training.recipe import Work, work_of
    from knowhow.training.recipes.dpo import Dpo
    from knowhow.training.recipes.grpo import Grpo
    from knowhow.training.recipes.leap import Leap
    from knowhow.training.recipes.sft import Sft

    def work(recipe: Any, tuning: Tuning) -> Work:
        return work_of(recipe, tuning, recipe.examples(episodes()), Household())

    assert work(Sft(), Tuning(steps=60)) == Work(60)
    assert work(Dpo(), Tuning(steps=60)) == Work(60, 3)
    assert work(Grpo(group=4, more=80), Tuning(epochs=1, batch=8)) == Work(12, 4, plays=True)
    assert work(Leap(rounds=2).in_suite(Household()), Tuning(steps=60)).updates == 180
