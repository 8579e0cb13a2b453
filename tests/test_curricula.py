"""Curricula: what each chooses from what earlier rounds came to, and that a run with any of them can be resumed."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import pytest
from cottage import Cottage
from program import knowhow
from runs import COTTAGE, Cut, kept, outcome, small

from knowhow.agents.novice.design import design
from knowhow.environments.curricula import Ask, Curriculum, Outcome, Progress
from knowhow.environments.curriculum.easy_to_hard import filtered
from knowhow.environments.curriculum.failures_first import nearest, unsolved
from knowhow.environments.curriculum.generated import PROMPT, Generated, success_table
from knowhow.environments.curriculum.knapsack import Belief, allocate, beliefs, worth
from knowhow.environments.curriculum.self_evolving import gains, systematic
from knowhow.environments.discover import build, names
from knowhow.environments.errors import BadSetting
from knowhow.environments.suites.household import Household
from knowhow.environments.types import Suite, Task
from knowhow.evals import learn
from knowhow.evals.curriculum import CURRICULA, KEPT, open_curriculum
from knowhow.evals.tasks import draw

KINDS = ("clean", "cool", "heat", "light", "put", "put two")
TASKS = draw(Household(), "train", 120, 3)


async def nothing(prompt: str) -> Mapping[str, Any] | None:
    raise AssertionError("nobody is to be asked")


async def novice(prompt: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] = json.loads(design(prompt))
    return found


def made(name: str, ask: Ask = novice, suite: Suite | None = None) -> Curriculum:
    curriculum: Curriculum = build(CURRICULA, name, TASKS, suite or Household(), ask)
    return curriculum


def chosen(curriculum: Curriculum, count: int, progress: Progress) -> Sequence[Task]:
    return asyncio.run(curriculum.next(count, progress)).tasks


def of(kind: str, *rewards: float, start: int = 0, actions: int = 10) -> list[Outcome]:
    """Outcomes of different tasks of a kind."""
    tasks = [task for task in TASKS if task.kind == kind][start:]
    return [Outcome(task, reward, actions) for task, reward in zip(tasks, rewards, strict=False)]


def after(*rounds: Sequence[Outcome], seed: int = 1) -> Progress:
    return Progress(sum(map(len, rounds)), tuple(map(tuple, rounds)), tuple({} for _ in rounds), seed)


MIXED = after([*of("put", 1, 1, 1, 1), *of("light", 1, 0, 1, 0), *of("heat", 0, 0, 0, 0)])


@pytest.mark.parametrize("name", names(CURRICULA))
@pytest.mark.parametrize("count", [1, 7, 30])
def test_each_gives_so_many_training_tasks_and_the_same_ones_again(name: str, count: int) -> None:
    for progress in (Progress(seed=1), MIXED, after(MIXED.rounds[0], of("cool", 0, 0))):
        tasks = chosen(made(name), count, progress)
        assert len(tasks) == count and {task.split for task in tasks} == {"train"}
        assert tasks == chosen(made(name), count, progress)


@pytest.mark.parametrize("epochs", [1, 2, 4])
def test_uniform_walks_the_tasks_in_the_runs_order_once_an_epoch(epochs: int) -> None:
    settings = small(episodes=130, epochs=epochs)  # the cottage has 60
    uniform = open_curriculum(settings, Cottage(), lambda turn: nothing(""))  # type: ignore[arg-type, return-value]
    distinct = draw(Cottage(), "train", 130 // epochs, settings.seed)
    walked = [task for place in (0, 50, 100) for task in chosen(uniform, 50, Progress(place))][:130]
    assert walked == [distinct[place % len(distinct)] for place in range(130)]


def test_uniform_rolls_each_task_out_as_often_as_it_is_told() -> None:
    tasks = chosen(made("uniform(rollouts=3)"), 7, Progress(place=1))
    assert tasks == (*[TASKS[0]] * 2, *[TASKS[1]] * 3, *[TASKS[2]] * 2)


# --- Self-Evolving Curriculum ---


def test_a_kind_pays_what_its_rewards_are_off_the_usual() -> None:
    rounds = [of("put", 1, 0), of("put", 1, 1), of("heat", 0)]
    # |1 - 0.5| and |0 - 0.5|, from 0 half way up; the usual stays 0.5. Then |1 - 0.5| again, half way up from 0.25.
    assert gains(rounds, 0.5) == {"put": 0.375, "heat": 0.25}


def test_what_always_fails_or_always_succeeds_comes_to_pay_nothing_and_what_changes_pays_most() -> None:
    rounds = [[*of("heat", 0, 0), *of("put", 1, 1), *of("light", number % 2, (number + 1) % 2)] for number in range(8)]
    pays = gains(rounds, 0.5)
    assert pays["heat"] < 0.05 and pays["put"] < 0.05 and pays["light"] > 0.4
    assert gains([*rounds, of("heat", 1, 1)], 0.5)["heat"] > 0.4
    tasks = chosen(made("self_evolving(temperature=0.1, failures=0)"), 60, after(*rounds))
    count = Counter(task.kind for task in tasks)
    assert count["light"] > 3 * max(count["heat"], count["put"])


def test_failures_pay_besides_where_they_are_to() -> None:
    rounds = [[*of("heat", 0, 0), *of("put", 1, 1)] for _ in range(6)]
    pays = gains(rounds, 0.5, failures=2.0)
    assert 1.9 < pays["heat"] < 2.2 and pays["put"] < 0.1
    assert gains([of("put", 0.25)], 1.0, failures=1.0) == {"put": 1.0}


def test_a_draw_gives_each_its_share_to_the_next_whole_number() -> None:
    for seed in range(50):
        count = Counter(systematic([1.0, 2.0, 4.5], 9, Random(seed)))
        assert sum(count.values()) == 9
        assert all(abs(count[at] - 9 * weight / 7.5) < 1 for at, weight in enumerate((1.0, 2.0, 4.5)))


# --- Knapsack ---


UNKNOWN, HOPELESS, MASTERED = Belief(1, 1), Belief(0.2, 9), Belief(9, 0.2)


@pytest.mark.parametrize("gain", [True, False])
@pytest.mark.parametrize("known", [(HOPELESS, UNKNOWN, MASTERED), (HOPELESS, Belief(1, 2), Belief(1, 2), Belief(2, 1))])
def test_no_other_way_to_spend_the_budget_is_worth_more(known: tuple[Belief, ...], gain: bool) -> None:
    for budget in range(2, 11):
        shares = allocate(known, budget, 6, gain)
        ways = [way for way in product(range(7), repeat=len(known)) if sum(way) <= budget]
        values = {way: sum(worth(one, k, gain) for one, k in zip(known, way, strict=True)) for way in ways}
        assert sum(shares) <= budget and max(shares) <= 6
        # A budget that ends within the first two rollouts of a task may miss what these would have brought.
        missed = max(worth(one, 2, gain) / 2 for one in known)
        assert values[tuple(shares)] >= max(values.values()) - missed - 1e-12
        assert 1 not in shares


def test_the_worth_of_rollouts_is_the_mean_over_what_the_chance_may_be() -> None:
    random = Random(1)
    for belief in (UNKNOWN, HOPELESS, Belief(3, 2)):
        drawn = [random.betavariate(belief.good, belief.bad) for _ in range(20_000)]
        for rollouts in (1, 2, 5):
            both = [1 - p**rollouts - (1 - p) ** rollouts for p in drawn]
            gained = fmean(one * p * (1 - p) ** 2 for one, p in zip(both, drawn, strict=True))
            assert worth(belief, rollouts, gain=False) == pytest.approx(fmean(both), abs=0.01)
            assert worth(belief, rollouts) == pytest.approx(gained, abs=0.003)
    assert worth(UNKNOWN, 0) == worth(UNKNOWN, 0, gain=False) == 0


def test_rollouts_go_where_the_outcome_is_open() -> None:
    shares = allocate([HOPELESS, Belief(2, 3), UNKNOWN, MASTERED], 16, 8)
    assert min(shares[1], shares[2]) > max(shares[0], shares[3])
    assert allocate([UNKNOWN] * 10, 20, 8) == [2] * 10
    assert sum(allocate([HOPELESS, UNKNOWN], 1, 8)) == 1
    assert beliefs([TASKS[0]], []) == [Belief(1.0, 1.0)]


def test_the_knapsack_repeats_tasks_of_the_kinds_that_are_neither_hopeless_nor_mastered() -> None:
    hopeless = [outcome for kind in ("clean", "cool", "heat", "put two") for outcome in of(kind, *[0] * 8)]
    rounds = [[*of("put", *[1] * 8), *hopeless, *of("light", 1, 0, 1, 0, 0, 0, 1, 0)]]
    tasks = chosen(made("knapsack"), 24, after(*rounds))
    assert Counter(task.kind for task in tasks)["light"] > 18
    assert all(times >= 2 for times in Counter(task.id for task in tasks).values())


# --- failures first ---


def test_the_newest_failures_come_first_until_they_succeed() -> None:
    old, new = of("heat", 0, 0), of("cool", 0)
    again = [replace(old[0], reward=1.0)]
    assert unsolved([*old, *new]) == [new[0].task, old[1].task, old[0].task]
    assert unsolved([*old, *again, *new]) == [new[0].task, old[1].task]
    tasks = chosen(made("failures_first(share=0.5)"), 8, after(old, again, new))
    assert tasks[0] == new[0].task and tasks[2] == old[1].task and old[0].task not in tasks
    for failed, variant in (tasks[:2], tasks[2:4]):
        assert variant.id != failed.id and variant.kind == failed.kind
    assert set(tasks[4:]) <= set(TASKS)


def test_where_a_suite_makes_no_variants_they_are_the_tasks_with_the_nearest_goals() -> None:
    class Plain(Household):
        variants = None  # type: ignore[assignment]

    task = Task("x", "household", "train", "heat", "put a hot egg in fridge")
    others = [replace(task, id=str(n), goal=goal) for n, goal in enumerate(["heat some mug", "put a hot egg in bin"])]
    assert [other.id for other in nearest(task, others)] == ["1", "0"]
    assert nearest(task, [task, replace(others[0], kind="cool")]) == []
    failed = of("heat", 0)
    tasks = chosen(made("failures_first(share=1.0, variants=2)", suite=Plain()), 3, after(failed))
    assert tasks[0] == failed[0].task and {task.kind for task in tasks[1:]} == {"heat"} and len(set(tasks)) == 3


# --- easy to hard ---


def test_the_easiest_kinds_that_are_not_mastered_are_practised_and_the_others_rehearsed() -> None:
    rounds = [[*of("put", 1, 1, 1, 1), *of("light", 1, 0, 1), *of("clean", 1, 0, 0), *of("heat", 0, 0, 0)]]
    choice = asyncio.run(made("easy_to_hard").next(16, after(*rounds)))
    assert choice.note == {"mastered": ["put"], "practised": ["light", "clean"]}
    assert Counter(task.kind for task in choice.tasks) == {"light": 6, "clean": 6, "put": 4}


def test_before_the_first_success_it_takes_the_tasks_as_they_come() -> None:
    assert chosen(made("easy_to_hard"), 6, Progress()) == tuple(TASKS[:6])


def test_a_success_that_is_outvoted_or_took_very_long_does_not_count() -> None:
    one, other, slow = of("put", 1, 1, 1)
    outvoted = [one, *[replace(one, reward=0.0)] * 2]
    found = filtered([*outvoted, other, replace(slow, actions=31)], longest=3.0)
    assert [outcome.success for outcome in found] == [False, False, False, True, False]


# --- generated ---


def scripted(*replies: Mapping[str, Any] | None) -> tuple[Ask, list[str]]:
    """A model that gives these replies, and then the last one again; and the prompts that it got."""
    asked: list[str] = []

    async def ask(prompt: str) -> Mapping[str, Any] | None:
        asked.append(prompt)
        return replies[min(len(asked), len(replies)) - 1]

    return ask, asked


SECOND = after([*of("heat", 0, 0), *of("put", 1, 0)])


def test_the_model_reads_the_measured_success_and_its_environments_are_half_of_the_round() -> None:
    ask, asked = scripted({"environments": [{"kinds": {"heat": 1}, "pieces": [8, 10]}, {"kinds": {"put": 1}}]})
    choice = asyncio.run(made("generated", ask).next(8, SECOND))
    assert len(asked) == 1 and "- heat: 0 of 2\n- put: 1 of 2" in asked[0]
    assert [task.id.split("/")[0] == "train-made" for task in choice.tasks] == [False] * 4 + [True] * 4
    assert Counter(task.kind for task in choice.tasks[4:]) == {"heat": 2, "put": 2}
    assert choice.note["calls"] == 1 and choice.note["refused"] == []


def test_what_is_refused_is_asked_for_again_with_the_reason_and_only_so_often() -> None:
    wrong = {"environments": [{"kinds": {"haet": 1}}]}
    ask, asked = scripted(wrong, None, {"environments": [{"kinds": {"heat": 1}}]})
    choice = asyncio.run(made("generated", ask).next(4, SECOND))
    assert len(asked) == 3 and "did you mean heat?" in asked[1] and "no JSON object" in asked[2]
    assert choice.note["environments"] == [{"kinds": {"heat": 1}}] and len(choice.note["refused"]) == 2
    ask, asked = scripted(wrong)
    choice = asyncio.run(made("generated(tries=2)", ask).next(4, SECOND))
    assert len(asked) == 2 and choice.note["environments"] == [] and set(choice.tasks) <= set(TASKS)


def test_it_asks_a_few_times_and_goes_on_with_the_last_environments() -> None:
    ask, asked = scripted({"environments": [{"kinds": {"cool": 1}}]})
    curriculum, progress, notes = made("generated(every=2, calls=2)", ask), Progress(seed=1), []
    for number in range(1, 9):
        choice = asyncio.run(curriculum.next(4, progress))
        notes.append(choice.note)
        progress = replace(progress, rounds=(*progress.rounds, tuple(of("cool", 0))), notes=tuple(notes))
        assert sum(task.id.startswith("train-made") for task in choice.tasks) == (0 if number < 2 else 2)
    assert len(asked) == 2


def test_a_suite_that_takes_no_descriptions_is_refused_in_one_sentence() -> None:
    class Plain(Suite):
        name = "plain"

        def tasks(self, split: Any) -> Any:
            return TASKS

        def open(self, task: Any, *, seed: int) -> Any: ...

    with pytest.raises(BadSetting, match="the suite plain takes no descriptions"):
        Generated(TASKS, Plain(), nothing)


def test_the_novice_weighs_kinds_by_the_table_in_the_prompt_alone() -> None:
    table = success_table([[*of("heat", 0, 0), *of("put", 1, 0, 1, 1)], of("light", 1)])
    prompt = PROMPT.substitute(most=3, guide="- heat: 9 of 9", table=table, refused="Nothing.")
    assert json.loads(design(prompt)) == {"environments": [{"kinds": {"heat": 100, "put": 25}}]}
    assert json.loads(design(prompt.replace(table, "- walk: 1 of 1"))) == {"environments": []}


# --- within an evolution ---


@pytest.mark.parametrize("name", ["self_evolving", "generated(every=1)"])
def test_cut_off_every_so_often_a_run_ends_where_the_uninterrupted_one_ends(name: str, tmp_path: Path) -> None:
    settings = small(episodes=6, validation=1, chain=2, curriculum=name)

    async def go(folder: Path, at: int) -> dict[str, Any] | None:
        watch = Cut(at)
        try:
            begun = (folder / "run.json").exists()
            return await (learn.resume(folder, watch) if begun else learn.start(settings, folder, watch))
        except asyncio.CancelledError:
            return None

    whole = asyncio.run(learn.start(settings, tmp_path / "whole"))
    result, sittings = None, 0
    while result is None:
        result, sittings = asyncio.run(go(tmp_path / "cut", 7)), sittings + 1
        assert sittings < 20
    assert sittings > 2
    assert outcome(result) == outcome(whole) and kept(tmp_path / "cut") == kept(tmp_path / "whole")
    choices = [json.loads((tmp_path / folder / KEPT).read_text()) for folder in ("cut", "whole")]
    assert choices[0] == choices[1] and list(choices[0]) == ["1", "2", "3"]
    planned = Counter(task["id"] for choice in choices[0].values() for task in choice["tasks"])
    assert planned == Counter(row["task"] for row in kept(tmp_path / "cut")["episodes"] if row["phase"] == "train")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--curriculum", "knapsak"], "there is no curriculum 'knapsak'; did you mean knapsack?"),
        (["--curriculum", "knapsack(most=1)"], "most=1 must be a whole number of at least 2"),
        (["--curriculum", "self_evolving(temperature=0)"], "temperature=0 must be a number from 0.01 to 100"),
        (["--curriculum", "knapsack(least=1)"], "there is no setting 'least' of knapsack; there are "),
        (["--curriculum", "easy_to_hard", "--no-labels"], "chooses by what succeeded, which --no-labels withholds"),
        (["--curriculum", "generated", "--suite", "qa"], "the suite qa takes no descriptions"),
    ],
)
def test_a_curriculum_that_cannot_be_used_is_one_line(words: list[str], complaint: str, tmp_path: Path) -> None:
    said = knowhow("evolve", *([] if "--suite" in words else ["--suite", COTTAGE]), *words, "--out", tmp_path / "run")
    assert complaint in said.complaint and not (tmp_path / "run").exists()


def test_the_curricula_are_listed_with_their_settings() -> None:
    rows = {row["name"]: row["settings"] for row in knowhow("curricula", "--json").told["curricula"]}
    assert set(rows) >= {"uniform", "self_evolving", "knapsack", "failures_first", "easy_to_hard", "generated"}
    assert rows["knapsack"] == {"most": 8, "gain": True}
    assert "Self-Evolving Curriculum" in knowhow("curricula").out.replace("\n", " ")
