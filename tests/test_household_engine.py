"""The household answers as ALFWorld's engine does: for the same scene and commands, the same texts and end."""

import re
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import pytest

from knowhow.environments.household import rooms
from knowhow.environments.household.goals import KINDS, Goal
from knowhow.environments.household.scene import Scene
from knowhow.environments.household.world import HELP, World
from knowhow.environments.suites.household import Household
from knowhow.environments.types import Task

pytestmark = [
    pytest.mark.alfworld,
    pytest.mark.slow,
    pytest.mark.skipif(not all(map(find_spec, ("alfworld", "textworld"))), reason="needs the extra [alfworld]"),
]

TEMPLATES = {
    "put": "pick_and_place_simple",
    "clean": "pick_clean_then_place_in_recep",
    "heat": "pick_heat_then_place_in_recep",
    "cool": "pick_cool_then_place_in_recep",
    "light": "look_at_obj_in_light",
    "put two": "pick_two_obj_and_place",
}


@pytest.fixture(autouse=True)
def _no_folder_in_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALFWORLD_DATA", str(tmp_path))


@pytest.mark.parametrize("index", range(len(KINDS)))
def test_the_errand_of_the_oracle_goes_the_same_way_in_the_engine(index: int) -> None:
    suite = Household()
    task = suite.tasks("train")[index]
    world, engine = _both(suite, task)
    for call in suite.oracle(task, seed=0):
        ours = _same_answer(world, engine, call.arguments["command"])
    assert ours.terminated


@pytest.mark.parametrize("index", range(len(KINDS)))
def test_a_random_walk_goes_the_same_way_in_the_engine(index: int) -> None:
    suite, random = Household(), Random(index)
    world, engine = _both(suite, suite.tasks("test")[index])
    commands = world.commands()
    for _ in range(40):
        # Where it stands matters more than going elsewhere, of which there is most; and some of it is nonsense.
        here = [command for command in commands if not command.startswith(("go to", "help", "look"))]
        nonsense = ["fly away", f"open {random.choice(sorted(world.contents))}"]
        command = random.choice([*random.sample(commands, 2), *here, *nonsense])
        if command == "look" and not world.at:
            continue  # there the engine sees nothing, a slip of its grammar
        ours = _same_answer(world, engine, command)
        if ours.terminated:
            break
        commands = list(ours.commands or ())


def _both(suite: Household, task: Task) -> tuple[World, Any]:
    """Our world and the engine on the same scene, both begun and told the same."""
    world = suite.world(task, seed=0)
    engine = _engine(world.contents, world._goal, task.goal)
    ours, theirs = world.reset(), engine.reset()
    assert _words(theirs.feedback) == _words(f"-= Welcome to TextWorld, ALFRED! =- {ours.observation}")
    assert sorted(theirs.admissible_commands) == list(ours.commands or ())
    return world, engine


def _same_answer(world: World, engine: Any, command: str) -> Any:
    ours, (theirs, score, done) = world.step(command), engine.step(command)
    if ours.observation != HELP:  # the engine's offers slicing too
        assert _words(theirs.feedback) == _words(ours.observation), command
    assert (score, done) == (ours.reward, ours.terminated), command
    if not done:
        assert sorted(theirs.admissible_commands) == list(ours.commands or ()), command
    return ours


def _words(text: str) -> list[str]:
    """The words of an observation in any order, as the engine lists in an order of its own."""
    return sorted(re.findall(r"[^\s,.]+", text))


def _engine(scene: Scene, goal: Goal, sentence: str) -> Any:
    import textworld
    from alfworld.agents.environment.alfred_tw_env import AlfredDemangler
    from alfworld.info import ALFRED_PDDL_PATH, ALFRED_TWL2_PATH
    from textworld.envs import PddlEnv

    engine = AlfredDemangler(PddlEnv(textworld.EnvInfos(won=True, admissible_commands=True)))
    engine.load(
        {
            "pddl_domain": Path(ALFRED_PDDL_PATH).read_text(),
            "pddl_problem": _problem(scene, goal),
            "grammar": Path(ALFRED_TWL2_PATH).read_text().replace("UNKNOWN GOAL", sentence),
            "solvable": True,
            "walkthrough": None,
        }
    )
    return engine


def _problem(scene: Scene, goal: Goal) -> str:
    """The scene and the goal in PDDL."""
    from alfworld.gen.goal_library import gdict

    kinds = {rooms.kind_of(place) for place in scene}
    things = [thing for things in scene.values() for thing in things]
    thing_kinds = {rooms.kind_of(thing) for thing in things}
    facts = [f"(canContain {place}Type {thing}Type)" for place in kinds for thing in rooms.HOLDS[place] & thing_kinds]
    for place, inside in scene.items():
        facts += [f"(receptacleType {_id(place)} {rooms.kind_of(place)}Type)"]
        facts += [f"(receptacleAtLocation {_id(place)} at_{_id(place)})"]
        facts += [f"(openable {_id(place)})"] * (rooms.kind_of(place) in rooms.OPENABLE)
        for thing in inside:
            facts += [f"(inReceptacle {_id(thing)} {_id(place)})", f"(objectAtLocation {_id(thing)} at_{_id(place)})"]
    for thing in things:
        kind = rooms.kind_of(thing)
        abilities = [f"{treatment}able" for treatment, able in rooms.TREATABLE.items() if kind in able]
        abilities.append("toggleable" if kind in rooms.LAMPS else "pickupable")
        facts += [f"(objectType {_id(thing)} {kind}Type)", *(f"({ability} {_id(thing)})" for ability in abilities)]
    wanted = gdict[TEMPLATES[goal.kind.name]]["pddl"].replace("#", "-")
    return f"""(define (problem household) (:domain alfred)
        (:objects agent1 - agent {" ".join(map(_id, things))} - object {" ".join(map(_id, scene))} - receptacle
            nowhere {" ".join(f"at_{_id(place)}" for place in scene)} - location
            {" ".join(f"{kind}Type" for kind in sorted(thing_kinds | {"knife", "butterknife"}))} - otype
            {" ".join(f"{kind}Type" for kind in sorted(kinds | {"sinkbasin", "microwave", "fridge"}))} - rtype)
        (:init (= (total-cost) 0) (atLocation agent1 nowhere) {" ".join(facts)})
        {wanted.format(obj=goal.thing, recep=goal.place, toggle=goal.place)}"""


def _id(name: str) -> str:
    """The engine's id. It makes the name of it again, numbers from the last, and has a rule of its own for basins."""
    kind, _, number = name.rpartition(" ")
    return f"{kind.removesuffix('basin')}_bar_{99 - int(number)}" + f"_bar_{kind}" * kind.endswith("basin")
