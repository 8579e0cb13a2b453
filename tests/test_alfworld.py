"""The suite ``alfworld``, on the engine itself."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from processes import run

from knowhow.environments.alfred import library
from knowhow.environments.alfred.goals import UPSTREAM, Goal
from knowhow.environments.alfred.room import furnish
from knowhow.environments.check import check_suite
from knowhow.environments.discover import find
from knowhow.environments.errors import EpisodeOver, UnknownName
from knowhow.environments.suites.alfworld import Alfworld
from knowhow.environments.types import SPLITS, Feedback, Task, ToolCall

pytestmark = [
    pytest.mark.alfworld,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("alfworld", "textworld", "fast_downward"))),
        reason="the engine is not installed: pip install 'knowhow-agents[alfworld]'",
    ),
]


@pytest.fixture
def suite() -> Alfworld:
    return Alfworld(data="")


def act(command: str) -> ToolCall:
    return ToolCall("act", {"command": command})


async def play(suite: Alfworld, task: Task, calls: Sequence[ToolCall], seed: int = 0) -> list[Feedback]:
    async with suite.open(task, seed=seed) as env:
        return [await env.reset(), *[await env.step(call) for call in calls]]


def test_it_is_found_by_its_name_and_says_which_games_it_has() -> None:
    suite = find("knowhow.environments.suites", "alfworld")(data="")
    assert suite.name == "alfworld"
    assert suite.description.startswith("ALFWorld engine, generated games")
    assert not suite.reward_visible and suite.max_steps == 50


def test_every_split_has_hundreds_of_tasks_the_six_kinds_in_turn(suite: Alfworld) -> None:
    for split in SPLITS:
        tasks = suite.tasks(split)
        assert len(tasks) >= 600
        assert Counter(task.kind for task in tasks) == dict.fromkeys(UPSTREAM, len(tasks) / 6)
        assert [task.kind for task in tasks[:12]] == [*UPSTREAM, *UPSTREAM]
        assert all(task.suite == "alfworld" and task.split == split for task in tasks)


def test_no_task_and_no_goal_of_a_floor_plan_is_in_two_splits(suite: Alfworld) -> None:
    train, validation, test = ({replace(goal_of(task), variant=0) for task in suite.tasks(split)} for split in SPLITS)
    assert not train & validation and not train & test and not validation & test
    ids = [task.id for split in SPLITS for task in suite.tasks(split)]
    assert len(set(ids)) == len(ids)


def test_the_test_split_has_floor_plans_that_training_never_shows(suite: Alfworld) -> None:
    scenes = {split: {goal_of(task).scene for task in suite.tasks(split)} for split in SPLITS}
    assert scenes["test"] <= set(library.constants()["TEST_SCENE_NUMBERS"])
    assert len(scenes["test"]) >= 20
    assert not scenes["test"] & (scenes["train"] | scenes["validation"])


def test_a_goal_is_a_sentence_of_the_goal_library(suite: Alfworld) -> None:
    task = next(task for task in suite.tasks("train") if task.kind == "clean")
    goal = goal_of(task)
    templates = library.goals()[UPSTREAM["clean"]]["templates"]
    assert task.goal in [template.format(obj=goal.thing.lower(), recep=goal.target.lower()) for template in templates]
    assert "{" not in "".join(task.goal for task in suite.tasks("validation"))


def test_the_tasks_and_their_rooms_are_the_same_in_another_process(suite: Alfworld) -> None:
    program = """
from knowhow.environments.suites.alfworld import Alfworld
import zlib
suite = Alfworld(data="")
for split in ("train", "validation", "test"):
    tasks = suite.tasks(split)
    games = [suite._games.game(task) for task in tasks[:6]]
    print(zlib.crc32(repr(list(tasks)).encode()), zlib.crc32(repr(games).encode()))
"""
    said = [run(program, PYTHONHASHSEED=seed) for seed in ("1", "2")]
    assert said[0] == said[1] and len(said[0].split()) == 6


def test_listing_tasks_and_building_games_neither_imports_the_engine_nor_touches_the_home(tmp_path: Path) -> None:
    program = """
import os, sys
from knowhow.environments.suites.alfworld import Alfworld
suite = Alfworld()
task = suite.tasks("train")[0]
suite._games.game(task), suite.oracle(task, seed=0)
print(sorted(name for name in sys.modules if name.split(".")[0] in ("alfworld", "textworld", "fast_downward")))
print("ALFWORLD_DATA" in os.environ)
"""
    assert run(program, HOME=str(tmp_path), ALFWORLD_DATA=None).split("\n")[:2] == ["[]", "False"]
    assert list(tmp_path.iterdir()) == []


async def test_an_episode_begins_with_the_engines_own_words_and_lists_what_can_be_done(suite: Alfworld) -> None:
    task = suite.tasks("train")[0]
    async with suite.open(task, seed=0) as env:
        first = await env.reset()
        assert first.observation.startswith("-= Welcome to TextWorld, ALFRED! =-\n\nYou are in the middle of a room.")
        assert first.observation.endswith(f"Your task is to: {task.goal}.")
        assert first.commands is not None and {"look", "inventory", "help"} < set(first.commands)
        assert not first.done and first.reward == 0
        assert (await env.step(act("inventory"))).observation == "You are not carrying anything."


async def test_the_oracle_wins_in_every_split_and_kind_and_only_its_last_step_is_rewarded(suite: Alfworld) -> None:
    tasks = [task for split in SPLITS for task in suite.tasks(split)[:6]]

    async def solve(task: Task) -> None:
        calls = suite.oracle(task, seed=0)
        assert calls is not None and len(calls) <= suite.max_steps
        *before, last = await play(suite, task, calls)
        assert (last.reward, last.terminated, last.truncated, last.commands) == (1.0, True, False, ())
        assert not any(feedback.reward or feedback.done for feedback in before)

    await asyncio.gather(*map(solve, tasks))


@pytest.mark.slow
async def test_it_keeps_every_promise_of_a_suite(suite: Alfworld) -> None:
    findings = await check_suite(suite, tasks_per_split=2, seeds=(0,))
    assert [finding for finding in findings if not finding.ok] == []


@pytest.mark.slow
async def test_the_oracle_wins_everywhere(suite: Alfworld) -> None:
    tasks = iter([task for split in SPLITS for task in Random(1).sample(suite.tasks(split), 60)])
    won: list[bool] = []

    async def solve() -> None:
        for task in tasks:
            won.append((await play(suite, task, suite.oracle(task, seed=0) or ()))[-1].terminated)

    await asyncio.gather(solve(), solve())
    assert len(won) == 180 and sum(won) >= 0.99 * len(won)


async def test_the_same_calls_always_get_the_same_feedback(suite: Alfworld) -> None:
    task = suite.tasks("test")[2]

    async def wander(seed: int) -> list[Feedback]:
        async with suite.open(task, seed=seed) as env:
            heard, dice = [await env.reset()], Random(4)
            for _ in range(12):
                heard.append(await env.step(act(dice.choice(heard[-1].commands or ("look",)))))
            return heard

    once, again, other_seed = await asyncio.gather(wander(0), wander(0), wander(1))
    assert once == again == other_seed
    assert len({feedback.observation for feedback in once}) > 5


async def test_what_makes_no_sense_is_answered_and_changes_nothing(suite: Alfworld) -> None:
    async with suite.open(suite.tasks("train")[0], seed=0) as env:
        first = await env.reset()
        nonsense = await env.step(act("eat the sofa"))
        assert nonsense.observation == "Nothing happens." and nonsense.commands == first.commands
        assert "There is no tool 'fly'" in (await env.step(ToolCall("fly"))).observation
        assert "it lacks command" in (await env.step(ToolCall("act"))).observation
        assert (await env.step(ToolCall("act", {"command": 3}))).commands == first.commands


async def test_an_episode_is_used_once(suite: Alfworld) -> None:
    task = suite.tasks("train")[4]
    async with suite.open(task, seed=0) as env:
        with pytest.raises(EpisodeOver, match="before reset"):
            await env.step(act("look"))
        await env.reset()
        for call in suite.oracle(task, seed=0) or ():
            await env.step(call)
        with pytest.raises(EpisodeOver, match="open another one"):
            await env.step(act("look"))


async def test_a_task_of_another_split_or_of_none_is_refused(suite: Alfworld) -> None:
    trained = suite.tasks("train")[0]
    unicorn, nothing = (replace(trained, id=id) for id in ("put-Unicorn-Sofa-201-0", "nothing"))
    for stray in (replace(trained, split="test"), unicorn, nothing):
        with pytest.raises(UnknownName, match="alfworld has no task"):
            async with suite.open(stray, seed=0):
                pass


def test_a_task_is_never_solved_from_the_start(suite: Alfworld) -> None:
    for task in islice(suite.tasks("train"), 0, None, 7):
        goal, room = goal_of(task), furnish(goal_of(task))
        mine = [place.kind for thing, place in room.places.items() if thing.kind == goal.thing]
        assert mine and goal.target not in mine
        assert goal.kind != "put two" or len(mine) == 2


@pytest.mark.parametrize("index", [4, *(pytest.param(slow, marks=pytest.mark.slow) for slow in (0, 1, 2, 3, 5))])
async def test_the_shortcuts_of_our_engine_change_no_word(index: int, suite: Alfworld, tmp_path: Path) -> None:
    task = suite.tasks("validation")[index]
    dice = Random(2)
    commands = [call.arguments["command"] for call in suite.oracle(task, seed=0) or ()]
    names = [entity.name for entity in furnish(goal_of(task)).receptacles]
    around = [f"{verb} {name}" for name in dice.sample(names, 4) for verb in ("go to", "open", "examine")]
    script = ["look", *around, "look", "inventory", "help", "fly", *commands]
    (tmp_path / "game.json").write_text(json.dumps(suite._games.game(task)))
    program = f"""
import json, sys
from knowhow.environments.alfred.engine import Engine
game, script = json.load(open({str(tmp_path / "game.json")!r})), {script!r}
plain = Engine()
print(json.dumps([plain.reset(game), *[plain.step(command) for command in script]]))
"""
    plain = json.loads(run(program, PYTHONHASHSEED="0", ALFWORLD_DATA=str(tmp_path)).splitlines()[-1])
    ours = await play(suite, task, [act(command) for command in script])
    assert [said["text"] for said in plain] == [feedback.observation for feedback in ours]
    assert [said["commands"] for said in plain[:-1]] == [list(feedback.commands or ()) for feedback in ours[:-1]]
    assert [said["won"] for said in plain] == [feedback.terminated for feedback in ours]


@pytest.fixture
def official(suite: Alfworld, tmp_path: Path) -> Alfworld:
    """Three games a split as the official ones lie, the first without a walkthrough, and some that do not count."""
    for split, folder in zip(SPLITS, ("train", "valid_seen", "valid_unseen"), strict=True):
        put, *others = suite.tasks(split)[:3]
        root = tmp_path / "json_2.1.1" / folder
        write_game(root, suite, put, walkthrough=None)
        for task in others:
            calls = suite.oracle(task, seed=0) or ()
            write_game(root, suite, task, walkthrough=[call.arguments["command"] for call in calls])
        write_game(root, suite, put, name="pick_and_place_simple-AppleSliced-None-Desk-1")
        write_game(root, suite, put, name="pick_and_place_with_movable_recep-Pen-Mug-Desk-301")
        write_game(root, suite, put, name="pick_and_place_simple-Pen-None-Desk-301", solvable=False)
    return Alfworld(data=str(tmp_path))


def test_official_games_are_listed_where_there_are_some(official: Alfworld, suite: Alfworld) -> None:
    assert official.description.startswith("ALFWorld engine, official games")
    for split in SPLITS:
        expected = sorted((task.kind, task.goal) for task in suite.tasks(split)[:3])
        assert sorted((task.kind, task.goal) for task in official.tasks(split)) == expected


async def test_official_games_are_played_and_their_walkthroughs_win(official: Alfworld) -> None:
    ways = [(task, official.oracle(task, seed=0)) for task in official.tasks("test")]
    assert [task.kind for task, calls in ways if calls is None] == ["put"]
    task, calls = next((task, calls) for task, calls in ways if calls)
    assert (await play(official, task, calls))[-1].terminated
    with pytest.raises(UnknownName, match="has no game"):
        official.oracle(replace(task, id="../elsewhere"), seed=0)


def test_a_folder_without_official_games_means_generated_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALFWORLD_DATA", str(tmp_path))
    assert "generated" in Alfworld().description


def test_where_the_engine_is_missing_the_suite_can_be_described_and_says_what_to_install() -> None:
    program = """
import importlib.util
from knowhow.environments.errors import MissingExtra
from knowhow.environments.suites.alfworld import Alfworld

found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "fast_downward" else found(name, *rest)
print(Alfworld(data="").description)
try:
    Alfworld(data="").tasks("train")
except MissingExtra as error:
    print(error)
"""
    described, told = run(program).splitlines()
    assert described.startswith("ALFWorld engine")
    assert "pip install 'knowhow-agents[alfworld]'" in told


def goal_of(task: Task) -> Goal:
    return Goal.of(task.id)


def write_game(root: Path, suite: Alfworld, task: Task, *, name: str = "", **more: object) -> None:
    """A game file as the official ones are, with what they hold beside the game."""
    goal = goal_of(task)
    folder = root / (name or f"{UPSTREAM[goal.kind]}-{goal.thing}-None-{goal.target}-{goal.scene}") / "trial_1"
    folder.mkdir(parents=True)
    game = {**suite._games.game(task), "solvable": True, "walkthrough": None, **more}
    (folder / "game.tw-pddl").write_text(json.dumps(game))
