"""The suite household: splits, solvability, texts, rules, and the same story everywhere."""

import copy
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowhow.environments.check import check_suite
from knowhow.environments.errors import UnknownName
from knowhow.environments.household.goals import KINDS, Goal, goals
from knowhow.environments.household.rooms import APPLIANCE, HOLDS, LAMPS, OPENABLE, ROOMS, TREATABLE, kind_of
from knowhow.environments.household.scene import owner
from knowhow.environments.household.world import World
from knowhow.environments.suites.household import SIZES, Household, _goal
from knowhow.environments.types import SPLITS, Feedback, Split, Task, ToolCall

SUITE = Household()
REFUSAL = "Nothing happens."
KIND = {kind.name: kind for kind in KINDS}


def play(world: World, *commands: str) -> Feedback:
    """The last feedback of these commands, none of which may be refused."""
    for command in commands:
        feedback = world.step(command)
        assert feedback.observation != REFUSAL, command
    return feedback


def begun(scene: dict[str, list[str]], kind: str, thing: str, place: str) -> World:
    """A room made by hand, the episode begun."""
    world = World(scene, Goal(KIND[kind], "kitchen", thing, place), "do it")
    world.reset()
    return world


def first(split: Split, count: int) -> Iterator[tuple[Task, World, Feedback]]:
    for task in SUITE.tasks(split)[:count]:
        world = SUITE.world(task, seed=0)
        yield task, world, world.reset()


# Tasks and splits


@pytest.mark.parametrize("split", SPLITS)
def test_the_oracle_wins_every_task_and_every_step_of_it_counts(split: Split) -> None:
    for task, world, _ in first(split, 600):
        calls = SUITE.oracle(task, seed=0)
        assert len(calls) <= SUITE.max_steps
        *before, last = [play(world, call.arguments["command"]) for call in calls]
        assert not any(feedback.reward or feedback.done for feedback in before), task
        assert (last.reward, last.terminated, last.truncated, last.commands) == (1.0, True, False, ()), task


@pytest.mark.parametrize("split", SPLITS)
def test_any_first_tasks_are_balanced_over_the_six_kinds(split: Split) -> None:
    kinds = [task.kind for task in SUITE.tasks(split)[:200]]
    assert set(kinds) == {"put", "clean", "heat", "cool", "light", "put two"}
    for count in range(1, len(kinds)):
        shares = Counter(kinds[:count])
        assert max(shares.values()) - min(shares[kind] for kind in KIND) <= 1


def test_the_test_split_asks_for_goals_that_training_and_validation_never_ask_for() -> None:
    asked = {split: {_goal(split, n)[0] for n in range(SIZES[split])} for split in SPLITS}
    told = {split: {(goal.kind.name, goal.thing, goal.place) for goal in goals} for split, goals in asked.items()}
    assert not told["test"] & (told["train"] | told["validation"])
    assert {kind for kind, _, _ in told["test"]} == set(KIND)
    for kind in KINDS:
        assert len(goals(kind, "test")) >= 10
        assert goals(kind, "validation") == goals(kind, "train")


def test_no_sentence_of_the_test_split_is_read_in_training() -> None:
    assert not {task.goal for task in SUITE.tasks("test")} & {task.goal for task in SUITE.tasks("train")}


def test_every_split_has_floor_plans_of_its_own() -> None:
    plans = {split: {plan(world) for _, world, _ in first(split, 900)} for split in SPLITS}
    assert all(len(plans[split]) > 300 for split in SPLITS)
    assert not plans["train"] & plans["validation"]
    assert not plans["train"] & plans["test"]
    assert not plans["validation"] & plans["test"]


def plan(world: World) -> frozenset[tuple[str, int]]:
    return frozenset(Counter(map(kind_of, world.contents)).items())


def test_a_floor_plan_belongs_to_the_split_that_shows_it() -> None:
    for split in SPLITS:
        for index, (_, world, _) in enumerate(first(split, 60)):
            assert owner(_goal(split, index)[0].room, dict(plan(world))) == split


@pytest.mark.parametrize("split", ["validation", "test"])
def test_thousands_of_tasks_are_all_different(split: Split) -> None:
    tasks = SUITE.tasks(split)
    assert len(tasks) == 3000
    rooms = {
        (world._goal, frozenset((place, frozenset(things)) for place, things in world.contents.items()))
        for world in (SUITE.world(task, seed=0) for task in tasks)
    }
    assert len(rooms) == len({task.id for task in tasks}) == len(tasks)


@pytest.mark.parametrize("split", SPLITS)
def test_nothing_is_done_at_the_start_and_rooms_are_small_enough_to_search(split: Split) -> None:
    for _, world, start in first(split, 300):
        assert not world.solved() and not start.reward and not start.done
        assert 8 <= len(world.contents) <= 14


def test_a_task_is_known_by_its_id_alone() -> None:
    task = SUITE.tasks("test")[7]
    copied = Task(task.id, "household", "test", "?", "?")
    assert SUITE.world(copied, seed=3).reset() == SUITE.world(task, seed=3).reset()


@pytest.mark.parametrize("task_id", ["train", "train-", "train--1", "train-12000", "dev-1", "train-x", ""])
def test_an_unknown_id_is_named(task_id: str) -> None:
    with pytest.raises(UnknownName, match=re.escape(repr(task_id))):
        SUITE.world(Task(task_id, "household", "train", "put", "?"), seed=0)


# The same everywhere

STORY = """
import hashlib, random
from knowhow.environments.suites.household import Household
suite, told = Household(), hashlib.sha256()
for split in ("train", "validation", "test"):
    for task in suite.tasks(split)[:60]:
        world = suite.world(task, seed=5)
        feedback = world.reset()
        told.update(repr((task, feedback, suite.oracle(task, seed=5))).encode())
        for command in random.Random(task.id).choices(range(10), k=20):
            if not feedback.done:
                feedback = world.step(feedback.commands[command % len(feedback.commands)])
                told.update(repr(feedback).encode())
print(told.hexdigest())
"""


def test_two_processes_with_different_hash_seeds_tell_the_same_story() -> None:
    def story(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", STORY]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert story("1") == story("2") != ""


def test_the_seed_changes_the_order_of_telling_and_nothing_else() -> None:
    for task in SUITE.tasks("train")[:60]:
        one, other = SUITE.world(task, seed=0), SUITE.world(task, seed=1)
        assert {place: sorted(things) for place, things in one.contents.items()} == {
            place: sorted(things) for place, things in other.contents.items()
        }
        assert one.reset().commands == other.reset().commands
    assert len({SUITE.world(task, seed=seed).reset().observation for seed in range(8)}) > 4


async def test_it_conforms() -> None:
    broken = [finding for finding in await check_suite(SUITE, tasks_per_split=12) if not finding.ok]
    assert broken == []


async def test_the_environment_speaks_through_one_tool() -> None:
    task = SUITE.tasks("train")[0]
    async with SUITE.open(task, seed=0) as env:
        start = await env.reset()
        assert start.observation.endswith(f"\n\nYour task is to: {task.goal}.")
        wrong = await env.step(ToolCall("act", {"text": "look"}))
        assert wrong.commands == start.commands and "command" in wrong.observation
        for call in SUITE.oracle(task, seed=0):
            feedback = await env.step(call)
    assert feedback.reward == 1.0 and feedback.terminated


# Texts and rules


def kitchen() -> dict[str, list[str]]:
    return {
        "shelf 1": ["mug 1", "egg 1"],
        "fridge 1": ["mug 2"],
        "microwave 1": [],
        "sinkbasin 1": ["mug 3"],
        "toaster 1": [],
        "coffeemachine 1": [],
        "countertop 1": ["cup 1", "egg 2", "knife 1"],
    }


def test_it_speaks_alfworlds_words() -> None:
    goal = Goal(KIND["clean"], "kitchen", "mug", "coffeemachine")
    world = World(kitchen(), goal, "put a clean mug in coffeemachine")
    assert world.reset().observation == (
        "You are in the middle of a room. Looking quickly around you, you see a shelf 1, a fridge 1, a microwave 1, "
        "a sinkbasin 1, a toaster 1, a coffeemachine 1, and a countertop 1."
        "\n\nYour task is to: put a clean mug in coffeemachine."
    )
    story = {
        "go to countertop 1": "You arrive at countertop 1. On the countertop 1, you see a cup 1, a egg 2, and a "
        "knife 1.",
        "go to shelf 1": "You arrive at shelf 1. On the shelf 1, you see a mug 1, and a egg 1.",
        "inventory": "You are not carrying anything.",
        "take mug 1 from shelf 1": "You pick up the mug 1 from the shelf 1.",
        "examine shelf 1": "On the shelf 1, you see a egg 1.",
        "examine mug 1": "There's nothing special about mug 1.",
        "move mug 1 to shelf 1": "You move the mug 1 to the shelf 1.",
        "take egg 1 from shelf 1": "You pick up the egg 1 from the shelf 1.",
        "go to fridge 1": "You arrive at fridge 1. The fridge 1 is closed.",
        "open fridge 1": "You open the fridge 1. The fridge 1 is open. In it, you see a mug 2.",
        "cool egg 1 with fridge 1": "You cool the egg 1 using the fridge 1.",
        "examine egg 1": "This is a cold egg 1.",
        "close fridge 1": "You close the fridge 1.",
        "examine fridge 1": "The fridge 1 is closed.",
        "look": "You are facing the fridge 1. Next to it, you see nothing.",
        "inventory ": "You are carrying: a egg 1.",
        "go to toaster 1": "You arrive at toaster 1. On the toaster 1, you see nothing.",
        "help": "Available commands:\n  look:                             look around your current location",
    }
    for command, answer in story.items():
        assert play(world, command).observation.startswith(answer)


@pytest.mark.parametrize(
    "command",
    [
        "go to countertop 1",
        "open countertop 1",
        "open fridge 1",
        "take mug 1 from shelf 1",
        "take mug 2 from fridge 1",
        "move mug 1 to countertop 1",
        "clean mug 1 with sinkbasin 1",
        "use countertop 1",
        "examine cup 1",
        "Look",
        "",
    ],
)
def test_what_is_not_possible_here_and_now_changes_nothing(command: str) -> None:
    world = begun(kitchen(), "put", "mug", "coffeemachine")
    play(world, "go to shelf 1", "take mug 1 from shelf 1", "move mug 1 to shelf 1")
    before = play(world, "go to countertop 1")
    state = copy.deepcopy((world.contents, world.at, world.held, world.opened))
    assert world.step(command) == Feedback(REFUSAL, commands=before.commands)
    assert (world.contents, world.at, world.held, world.opened) == state


def test_what_is_closed_gives_nothing_and_takes_nothing() -> None:
    world = begun(kitchen(), "put", "cup", "fridge")
    shut = play(world, "go to countertop 1", "take cup 1 from countertop 1", "go to fridge 1")
    assert {"cool cup 1 with fridge 1", "open fridge 1"} <= set(shut.commands or ())
    assert world.step("move cup 1 to fridge 1") == Feedback(REFUSAL, commands=shut.commands)
    play(world, "go to countertop 1", "move cup 1 to countertop 1", "go to fridge 1")
    assert world.step("take mug 2 from fridge 1").observation == REFUSAL
    play(world, "open fridge 1", "take mug 2 from fridge 1", "move mug 2 to fridge 1", "close fridge 1")
    assert world.step("take mug 2 from fridge 1").observation == REFUSAL


def test_the_hand_holds_one_thing_and_only_what_fits_is_put_down() -> None:
    world = begun(kitchen(), "put", "mug", "microwave")
    offered = play(world, "go to shelf 1", "take egg 1 from shelf 1").commands or ()
    assert not [command for command in offered if command.startswith("take")]
    assert [command for command in offered if command.startswith("move")] == []  # an egg does not lie on a shelf
    assert "move egg 1 to countertop 1" in (play(world, "go to countertop 1").commands or ())


def test_a_treatment_needs_its_appliance_and_a_thing_that_can_bear_it() -> None:
    world = begun(kitchen(), "put", "mug", "microwave")
    play(world, "go to countertop 1", "take knife 1 from countertop 1")
    assert "heat knife 1 with microwave 1" not in (play(world, "go to microwave 1").commands or ())
    assert "clean knife 1 with sinkbasin 1" in (play(world, "go to sinkbasin 1").commands or ())


@pytest.mark.parametrize(
    ("kind", "how", "where"),
    [
        ("clean", "clean", "sinkbasin 1"),
        ("heat", "heat", "microwave 1"),
        ("cool", "cool", "fridge 1"),
    ],
)
def test_a_treated_thing_of_that_kind_in_the_right_place_wins(kind: str, how: str, where: str) -> None:
    world = begun(kitchen(), kind, "mug", "coffeemachine")
    play(world, "go to shelf 1", "take mug 1 from shelf 1")
    assert not play(world, "go to coffeemachine 1", "move mug 1 to coffeemachine 1").reward
    assert not play(world, "take mug 1 from coffeemachine 1", f"go to {where}", f"{how} mug 1 with {where}").reward
    end = play(world, "go to coffeemachine 1", "move mug 1 to coffeemachine 1")
    assert end == Feedback("You move the mug 1 to the coffeemachine 1.", 1.0, terminated=True, commands=())


def test_what_is_cooled_is_not_hot_any_more_but_stays_clean() -> None:
    world = begun(kitchen(), "heat", "mug", "coffeemachine")
    play(world, "go to sinkbasin 1", "take mug 3 from sinkbasin 1", "clean mug 3 with sinkbasin 1", "go to microwave 1")
    assert play(world, "heat mug 3 with microwave 1", "examine mug 3").observation == "This is a hot and clean mug 3."
    play(world, "go to fridge 1", "cool mug 3 with fridge 1")
    assert play(world, "examine mug 3").observation == "This is a cool and clean mug 3."
    assert not play(world, "go to coffeemachine 1", "move mug 3 to coffeemachine 1").reward


def test_two_things_must_be_in_one_place() -> None:
    scene = {"shelf 1": ["mug 1", "mug 2"], "countertop 1": [], "countertop 2": []}
    world = begun(scene, "put two", "mug", "countertop")
    play(world, "go to shelf 1", "take mug 1 from shelf 1", "go to countertop 1", "move mug 1 to countertop 1")
    play(world, "go to shelf 1", "take mug 2 from shelf 1", "go to countertop 2")
    assert not play(world, "move mug 2 to countertop 2").reward
    play(world, "take mug 2 from countertop 2", "go to countertop 1")
    assert play(world, "move mug 2 to countertop 1").terminated


def test_a_thing_is_looked_at_in_the_hand_under_a_lamp_that_is_on() -> None:
    scene = {"desk 1": ["desklamp 1"], "sidetable 1": ["floorlamp 1"], "bed 1": ["book 1", "laptop 1"]}
    world = begun(scene, "light", "book", "desklamp")
    assert play(world, "go to sidetable 1", "use floorlamp 1").observation == "You turn on the floorlamp 1."
    play(world, "go to bed 1", "take book 1 from bed 1")
    assert not play(world, "go to sidetable 1").reward  # another lamp
    assert not play(world, "go to desk 1").reward  # not on yet
    assert play(world, "use desklamp 1").terminated
    assert not [command for command in world.commands() if "take desklamp" in command]


def test_a_lamp_that_was_left_on_does_too() -> None:
    world = begun({"desk 1": ["desklamp 1"], "bed 1": ["book 1"]}, "light", "book", "desklamp")
    play(world, "go to desk 1", "use desklamp 1", "go to bed 1", "take book 1 from bed 1")
    assert play(world, "go to desk 1").terminated


# Random walks


@given(st.sampled_from(SPLITS), st.integers(0, 2999), st.lists(st.integers(0, 10_000), max_size=50))
def test_a_random_walk_keeps_everything_somewhere(split: Split, index: int, dice: list[int]) -> None:
    world = SUITE.world(SUITE.tasks(split)[index], seed=index)
    feedback = world.reset()
    everything = sorted(thing for things in world.contents.values() for thing in things)
    for die in dice:
        commands = feedback.commands or ()
        feedback = world.step(commands[die % len(commands)])
        lying = [(place, thing) for place, things in world.contents.items() for thing in things]
        assert sorted([thing for _, thing in lying] + [world.held] * bool(world.held)) == everything
        assert kind_of(world.held or "nothing 0") not in LAMPS
        assert all(kind_of(thing) in HOLDS[kind_of(place)] | LAMPS for place, thing in lying)
        assert feedback.observation != REFUSAL
        assert feedback.done == world.solved() == (feedback.reward == 1.0)
        if feedback.done:
            break


@given(st.sampled_from(SPLITS), st.integers(0, 2999), st.lists(st.integers(0, 10_000), max_size=12))
def test_every_offered_command_is_possible_and_tells_something(split: Split, index: int, dice: list[int]) -> None:
    world = SUITE.world(SUITE.tasks(split)[index], seed=0)
    commands = world.reset().commands or ()
    for die in dice:
        command = commands[die % len(commands)]
        commands = world.step(command).commands or commands
    for command in commands if not world.solved() else ():
        assert copy.deepcopy(world).step(command).observation not in ("", REFUSAL)


# Searching


def test_who_looks_everywhere_and_then_does_the_task_has_steps_enough() -> None:
    for split in SPLITS:
        for index, (task, world, _) in enumerate(first(split, 120)):
            *before, last = [world.step(command) for command in searching(world, _goal(split, index)[0])]
            assert last.reward == 1 and len(before) < SUITE.max_steps, task


def searching(world: World, goal: Goal) -> Iterator[str]:
    """Look at every place in turn, told what lies there by the observations alone, then fetch, treat and bring."""
    seen: dict[str, str] = {}
    opened: set[str] = set()

    def visit(place: str) -> Iterator[str]:
        if world.at != place:
            yield f"go to {place}"
        if kind_of(place) in OPENABLE and place not in opened:
            opened.add(place)
            yield f"open {place}"

    for place in list(world.contents):
        yield from visit(place)
        text = world._describe(place)
        seen |= dict.fromkeys(re.findall(r"a (\w+ \d+)", text.split("you see")[1]), place)
    target = next((place for place in world.contents if kind_of(place) == goal.place), "")
    for thing in [thing for thing in seen if kind_of(thing) == goal.thing][: goal.kind.count]:
        yield from visit(seen[thing])
        yield f"take {thing} from {seen[thing]}"
        if goal.kind.lamp:
            yield from visit(seen[f"{goal.place} 1"])
            yield f"use {goal.place} 1"
            return
        if goal.kind.treatment:
            yield from visit(f"{APPLIANCE[goal.kind.treatment]} 1")
            yield f"{goal.kind.treatment} {thing} with {world.at}"
        yield from visit(target)
        yield f"move {thing} to {target}"


def test_the_tables_name_only_what_there_is() -> None:
    furniture = {kind for room in ROOMS.values() for kind in room.furniture}
    things = {kind for room in ROOMS.values() for kind in room.things}
    assert furniture == set(HOLDS)
    assert set().union(*HOLDS.values()) | set().union(*TREATABLE.values()) <= things
    assert furniture >= OPENABLE | set(APPLIANCE.values())
