"""Household tasks made to a description: they can be done, stay within the training split, and nonsense is refused."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from knowhow.environments.errors import BadSetting, UnknownName
from knowhow.environments.household.goals import KINDS, goals
from knowhow.environments.household.rooms import ROOMS, kind_of
from knowhow.environments.household.scene import draw_scene, owner
from knowhow.environments.suites.household import Household, _laid_out
from knowhow.environments.types import Task

HOUSEHOLD = Household()
SMALL = {"kinds": {"heat": 2, "put two": 1}, "rooms": ["kitchen"], "pieces": [8, 10], "clutter": 0.2}


def won(task: Task) -> bool:
    world = HOUSEHOLD.world(task, seed=1)
    world.reset()
    steps = [world.step(str(call.arguments["command"])) for call in HOUSEHOLD.oracle(task, seed=1)]
    return steps[-1].reward == 1.0 and not any(step.terminated for step in steps[:-1])


@pytest.mark.parametrize("design", [{}, SMALL, {"things": ["mug"], "kinds": {"cool": 1}}, {"clutter": 0}])
def test_the_oracle_wins_every_task_that_is_made(design: dict[str, Any]) -> None:
    tasks = HOUSEHOLD.designed(design, 40, seed=1)
    assert len({task.id for task in tasks}) == 40 and all(won(task) for task in tasks)
    assert tasks == HOUSEHOLD.designed(design, 40, seed=1) != HOUSEHOLD.designed(design, 40, seed=2)


def test_they_are_as_described() -> None:
    tasks = HOUSEHOLD.designed(SMALL, 60, seed=1)
    count = Counter(task.kind for task in tasks)
    assert set(count) == {"heat", "put two"} and count["heat"] > count["put two"]
    scenes = [_laid_out(task.id) for task in tasks]
    assert {goal.room for goal, _, _ in scenes} == {"kitchen"}
    assert {len(scene) for _, _, scene in scenes} <= {8, 9, 10}
    assert all(task.goal == sentence for task, (_, sentence, _) in zip(tasks, scenes, strict=True))
    full = [_laid_out(task.id) for task in HOUSEHOLD.designed({**SMALL, "clutter": 1}, 60, seed=1)]
    things = [sum(map(len, scene.values())) for _, _, scene in scenes]
    assert sum(things) < 0.6 * sum(sum(map(len, scene.values())) for _, _, scene in full)
    onto = HOUSEHOLD.designed({"places": ["sofa"], "kinds": {"put": 1}}, 9, seed=1)
    assert {_laid_out(task.id)[0].place for task in onto} == {"sofa"}


def test_goals_and_floor_plans_are_those_of_training() -> None:
    kept_back = {(g.kind.name, g.room, g.thing, g.place) for kind in KINDS for g in goals(kind, "test")}
    for task in HOUSEHOLD.designed({}, 200, seed=3):
        goal, _, scene = _laid_out(task.id)
        assert (task.split, task.suite) == ("train", "household")
        assert (goal.kind.name, goal.room, goal.thing, goal.place) not in kept_back
        assert owner(goal.room, Counter(map(kind_of, scene))) == "train"


def test_the_narrowest_rooms_can_be_made_for_every_place() -> None:
    for kind in KINDS:
        for place in {(goal.room, goal.place): goal for goal in goals(kind, "train")}.values():
            assert 8 <= len(draw_scene(place, "train", Random(1), range(8, 11))) <= 10


def test_variants_have_the_goal_of_a_training_task_in_other_rooms() -> None:
    task = HOUSEHOLD.tasks("train")[2]
    variants = HOUSEHOLD.variants(task, 5, seed=1)
    assert {_laid_out(one.id)[0] for one in variants} == {_laid_out(task.id)[0]}
    assert len({str(_laid_out(one.id)[2]) for one in (task, *variants)}) == 6
    assert {one.kind for one in HOUSEHOLD.variants(variants[0], 2, seed=1)} == {task.kind}
    with pytest.raises(ValueError, match="is a test task"):
        HOUSEHOLD.variants(HOUSEHOLD.tasks("test")[0], 1, seed=1)


@pytest.mark.parametrize(
    ("design", "complaint"),
    [
        (["heat"], "is no description"),
        ({"kind": {"heat": 1}}, "there is no part 'kind'; did you mean kinds?"),
        ({"kinds": ["heat"]}, "write a weight for each kind"),
        ({"kinds": {"haet": 1}}, "did you mean heat?"),
        ({"kinds": {"heat": -1}}, "the weight -1 of 'heat' is no number from 0 to 100"),
        ({"kinds": {"heat": float("nan")}}, "the weight nan of 'heat'"),
        ({"kinds": {"heat": True}}, "the weight True of 'heat'"),
        ({"kinds": {"heat": 0}}, "no kind any weight"),
        ({"rooms": "kitchen"}, "write a list of names"),
        ({"rooms": []}, "write a list of names"),
        ({"rooms": ["cellar"]}, "there is no room 'cellar'"),
        ({"things": ["mugs"]}, "there is no thing 'mugs'; did you mean mug?"),
        ({"rooms": ["bedroom"], "kinds": {"heat": 1}}, "there is no task of the kind 'heat'"),
        ({"pieces": 9}, '"pieces" is 9'),
        ({"pieces": [8, 9]}, "most at least 10 and 2 over least"),
        ({"pieces": [2, 12]}, "from 8 to 14"),
        ({"pieces": [8.0, 12]}, '"pieces" is'),
        ({"clutter": 2}, "write a number from 0 to 1"),
    ],
)
def test_nonsense_is_refused_with_the_reason(design: Any, complaint: str) -> None:
    with pytest.raises(BadSetting) as refused:
        HOUSEHOLD.designed(design, 0, 0)
    assert complaint in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "id",
    [
        "train-made",
        "train-made/heat/kitchen/egg/fridge/8/14/100",
        "train-made/heat/kitchen/egg/fridge/8/9/100/1",
        "train-made/heat/cellar/egg/fridge/8/14/100/1",
        "train-made/heat/kitchen/egg/fridge/8/14/900/1",
        "train-made/heat/kitchen/egg/fridge/a/14/100/1",
    ],
)
def test_an_id_that_no_task_has_is_named(id: str) -> None:
    task = Task(id, "household", "train", "heat", "put a hot egg in fridge")
    with pytest.raises(UnknownName, match="household has no made task"):
        HOUSEHOLD.world(task, seed=1)


def test_every_room_is_named_in_the_guide() -> None:
    assert all(name in HOUSEHOLD.design_guide() for name in (*ROOMS, *(kind.name for kind in KINDS)))
