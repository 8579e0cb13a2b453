"""How the novice writes skills, and what the loop in them finds its way through."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from railway import Railway

from knowhow.agents.goals import slots
from knowhow.agents.novice.chat import answer
from knowhow.agents.novice.craft import code, craft
from knowhow.agents.novice.lessons import Mechanic, Plan
from knowhow.environments.suites.household import Household
from knowhow.environments.text_world import TextSuite
from knowhow.environments.types import Feedback, Task
from knowhow.memory.skills.skill import read_skill

MECHANICS = [
    Mechanic("take {x} from {y}", ("go to {y}", "open {y}")),
    Mechanic("move {x} to {y}", ("go to {y}", "open {y}", "take {x} from {w}")),
    Mechanic("open {x}", ("go to {x}", "close {x}")),
    Mechanic("close {x}", ("open {x}",)),
    Mechanic("heat {x} with {y}", ("go to {y}", "take {x} from {w}")),
    Mechanic("use {x}", ("go to {w}",)),
]
PUT = Plan("put some {a} on {b}", "put some pen on desk", ("take {a} from drawer", "move {a} to {b}"))
HEAT = Plan(
    "put a hot {a} in {b}",
    "put a hot mug in shelf",
    ("take {a} from shelf", "heat {a} with microwave", "move {a} to {b}"),
)
TWO = Plan(
    "put two {a} in {b}",
    "put two pen in desk",
    ("take {a} from desk", "move {a} to {b}", "take {a2} from desk", "move {a2} to {b}"),
)
LIGHT = Plan("look at {a} under the {b}", "look at pen under the desklamp", ("take {a} from desk", "use {b}"))
RUN = "# Attempt 1\nTask: {goal}\nOutcome: The task was achieved (reward 1 of 1).\n{told}"


class Told:
    def __init__(self, feedback: Feedback) -> None:
        self.text, self.commands, self.done = feedback.observation, feedback.commands, feedback.done
        self.reward = feedback.reward


def done(source: str, name: str, goal: str, suite: TextSuite, task: Task, seed: int = 0) -> tuple[bool, list[str], str]:
    """Whether a skill that the novice wrote does a task, its commands, and what it says."""
    world = suite.world(task, seed=seed)
    seen, made = [Told(world.reset())], list[str]()

    def do(command: str) -> Told:
        made.append(command)
        seen.append(Told(world.step(command)))
        assert len(made) <= suite.max_steps
        return seen[-1]

    space: dict[str, Any] = {"do": do, "now": lambda: seen[-1]}
    exec(source, space)
    said = space[name](**(slots(goal, task.goal) or {}))
    return any(one.reward >= 1 for one in seen), made, said


def tasks(suite: TextSuite, kind: str, goal: str, count: int) -> list[Task]:
    fitting = (t for t in suite.tasks("validation") if t.kind == kind and slots(goal, t.goal) is not None)
    return [task for task, _ in zip(fitting, range(count), strict=False)]


@pytest.mark.parametrize(("kind", "plan"), [("put", PUT), ("heat", HEAT), ("put two", TWO), ("light", LIGHT)])
def test_the_loop_finds_what_a_plan_names_wherever_it_is(kind: str, plan: Plan) -> None:
    suite = Household()
    source = code(plan, MECHANICS)
    name = read_skill(
        {"name": source.rpartition("def ")[2].partition("(")[0], "goal": plan.pattern, "code": source}, ()
    )
    found = [done(source, name.name, plan.pattern, suite, task) for task in tasks(suite, kind, plan.pattern, 8)]
    assert [well for well, *_ in found] == [True] * 8
    assert min(len(made) for _, made, _ in found) < 10


def test_where_nobody_knows_a_way_what_names_the_thing_is_tried() -> None:
    suite = Household()
    ways = [Mechanic("take {x} from {y}", ("go to {y}",)), Mechanic("move {x} to {y}", ("go to {y}",))]
    plan = Plan("put a {a} in {b}", "put a mug in fridge", PUT.steps)
    closed = [task for task in tasks(suite, "put", "put a {a} in {b}", 400) if task.goal.endswith(" fridge")]
    found = [done(code(plan, ways), "put_a_in", plan.pattern, suite, task) for task in closed[:5]]
    assert any(well and "open fridge 1" in made for well, made, _ in found)


def test_a_plan_that_leads_nowhere_ends() -> None:
    task = Railway().tasks("train")[0]
    plan = Plan("send the {a} to {b}", "send the coal wagon to york", ("melt {a}", "stamp {b} ticket"))
    well, made, said = done(code(plan, []), "send_the_to", plan.pattern, Railway(), task)
    assert (well, said) == (False, "After 0 of 2 steps there is no way on.")
    assert len(made) <= 3


def test_a_skill_is_written_for_each_wording_after_its_shortest_attempt() -> None:
    told = (
        "You see it.\n> take mug 1\nYou have it.\nNewly possible: put mug 1 on shelf 2\n> put mug 1 on shelf 2\nDone."
    )
    long = told.replace("> put", "> look\nNothing.\n> put mug 1 on mat 1\nNo.\n> put", 1)
    attempts = [("put a mug on shelf", long), ("put a mug on shelf", told), ("bring shelf the mug", told), ("wait", "")]
    parts = [RUN.replace("1", str(n), 1).format(goal=goal, told=text) for n, (goal, text) in enumerate(attempts, 1)]
    failed = parts[1].replace("was achieved", "was not achieved").replace("put a mug on shelf", "place mug at shelf")
    said = json.loads(craft("\n\n".join(["# Skill writer\nWrite.", "# Skills\nNone yet.", *parts, failed])))
    assert [(one["name"], one["goal"], one["from"]) for one in said["skills"]] == [
        ("put_a_on", "put a {a} on {b}", [2]),
        ("bring_the", "bring {a} the {b}", [3]),
    ]
    for one in said["skills"]:
        doc = read_skill(one, ()).text
        assert "`put {x} on {y}` becomes possible after `take {x}`." in doc


def test_a_repaired_skill_knows_what_its_runs_have_shown() -> None:
    source = code(PUT, MECHANICS[:1])
    run = """
# Run 1
Task: put some pen on desk
Outcome: The task was not achieved.
> go to desk 1
It.
Newly possible: use lamp 1
> look
No."""
    prompt = f"# Skill repairer\nFix.\n\n# Goal\n{PUT.pattern}\n\n# Code\n```python\n{source}```\n{run}"
    said = json.loads(answer([HumanMessage(prompt)], (), 0).text)
    assert "`use {x}` becomes possible after `go to {w}`." in said["code"]
    assert "`take {x} from {y}` becomes possible after `go to {y}` or `open {y}`." in said["code"]
    assert json.loads(craft(prompt.replace(source, "def f(): pass\n")))["code"] == "def f(): pass\n"


def test_whatever_a_goal_holds_the_code_can_be_read() -> None:
    plan = Plan('say {a} \\ """ x', 'say "hi" \\ """ x', ("say {a} to it",))
    source = code(plan, [])
    read_skill({"name": "say_x", "goal": "say {a}", "code": source}, ())
