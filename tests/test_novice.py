"""The novice reads, and knows nothing of any world."""

from __future__ import annotations

import ast
import json
from pathlib import Path

from langchain_core.messages import HumanMessage, SystemMessage

import knowhow.agents.novice as novice_package
from knowhow.agents.novice.attempts import Done
from knowhow.agents.novice.chat import NoviceChat, answer
from knowhow.agents.novice.commands import read_command
from knowhow.agents.novice.curate import curate
from knowhow.agents.novice.lessons import Mechanic, Plan, read_lesson
from knowhow.agents.novice.plans import mechanics_of, plan_of
from knowhow.agents.novice.reflect import reflect
from knowhow.environments.calls import tool

TOOLS = (tool("act", "Do something.", command="The command."),)
OPENING = """# Task
{goal}

# Observation
You are in a hall.

Possible commands:
{commands}"""


def prompt(goal: str, *commands: str, memory: str = "") -> list[SystemMessage | HumanMessage]:
    listed = "\n".join(f"- {command}" for command in commands)
    return [SystemMessage(f"Act.\n{memory}"), HumanMessage(OPENING.format(goal=goal, commands=listed))]


def chosen(messages: list[SystemMessage | HumanMessage], seed: int = 0) -> str:
    return str(answer(messages, TOOLS, seed).tool_calls[0]["args"]["command"])


def test_the_same_prompt_and_seed_give_the_same_reply() -> None:
    messages = prompt("frob the blick", "frob blick 1", "go to hall", "look")
    assert {chosen(messages, 3) for _ in range(5)} == {chosen(messages, 3)}
    assert len({chosen(messages, seed) for seed in range(30)}) > 1


def test_it_follows_the_plan_that_memory_shows_and_cites_it() -> None:
    plan = Plan("frob the {a}", "frob the blick", ("wuzzle {a}", "frob {a}"))
    memory = f"[str-00004] helpful=1 harmful=0 :: {plan}"
    messages = prompt("frob the quonk", "frob quonk 2", "wuzzle quonk 2", "wuzzle blick 1", "look", memory=memory)
    for seed in range(10):
        reply = answer(messages, TOOLS, seed)
        assert reply.tool_calls[0]["args"]["command"] == "wuzzle quonk 2"
        assert "[str-00004]" in reply.text
    assert (
        len({chosen(prompt("frob the quonk", "frob quonk 2", "wuzzle quonk 2", "look"), seed) for seed in range(20)})
        > 1
    )


def test_lessons_survive_being_written_and_read() -> None:
    plan = Plan(
        "put two {a} in {b}", "put two mug in shelf", ("take {a} from desk", "take {a2} from desk"), "str-00001", 2, 1
    )
    assert read_lesson(str(plan), "str-00001", 2, 1) == plan
    mechanic = Mechanic("take {x} from {y}", ("go to {y}", "open {y}"), "mec-00002")
    assert read_lesson(str(mechanic), "mec-00002") == mechanic
    assert read_lesson("Be careful with glass.") is None


def test_commands_are_cut_at_particles_and_calls_at_arguments() -> None:
    assert read_command("take mug 1 from shelf 2") == read_command("take mug 1 from shelf 2")
    assert (read_command("take mug 1 from shelf 2").verb, read_command("take mug 1 from shelf 2").arguments) == (
        "take {} from {}",
        ("mug 1", "shelf 2"),
    )
    assert read_command("go to shelf 2").verb == "go to {}"
    assert read_command("look").arguments == ()
    assert (read_command('click(ref="e7")').verb, read_command('click(ref="e7")').arguments) == (
        "click(ref={})",
        ('"e7"',),
    )


def test_a_plan_keeps_what_mattered_and_drops_the_rest() -> None:
    steps = [
        Done("look", "", ()),
        Done("go to desk 1", "a blick 2", ("take blick 2 from desk 1",)),
        Done("take blick 2 from desk 1", "", ("drop blick 2 on desk 1",)),
        Done("drop blick 2 on desk 1", "", ("take blick 2 from desk 1",)),
        Done("take blick 2 from desk 1", "", ("drop blick 2 on desk 1",)),
        Done("go to quonk 1", "", ("drop blick 2 on quonk 1",)),
        Done("drop blick 2 on quonk 1", "", ()),
    ]
    plan = plan_of("bring a blick to the quonk", steps)
    assert plan is not None
    assert plan.pattern == "bring a {a} to the {b}"
    assert plan.steps == ("take {a} from desk", "drop {a} on {b}")
    assert Mechanic("take {x} from {y}", ("drop {x} on {y}", "go to {y}")) in mechanics_of(steps)


def test_without_an_outcome_it_learns_mechanics_and_no_plan() -> None:
    told = (
        "# Reflector\n\n# Task\nfrob the blick\n\n# Outcome\n{}\n\n# Attempt\nA hall.\n> wuzzle blick 1\nIt hums.\n"
        "Newly possible: frob blick 1\n> frob blick 1\nDone.\n"
    )
    free = json.loads(reflect(told.format("Nobody has told. Judge by what the environment said.")))
    won = json.loads(reflect(told.format("The task was achieved (reward 1 of 1).")))
    assert "becomes possible after" in free["key_insight"] and "When the task reads" not in free["key_insight"]
    assert "When the task reads" in won["key_insight"]


def test_the_shorter_of_two_plans_stays() -> None:
    long = Plan("frob the {a}", "frob the blick", ("look", "wuzzle {a}", "frob {a}"))
    short = Plan("frob the {a}", "frob the quonk", ("wuzzle {a}", "frob {a}"))
    page = (
        "# Curator\n\n# Playbook\n[str-00001] helpful=0 harmful=0 :: {}\n\n# Reflections\n[1] A task: x\nInsight: {}\n"
    )
    removed, added = json.loads(curate(page.format(long, short)))["operations"]
    assert (removed["type"], removed["id"]) == ("REMOVE", "str-00001")
    assert (added["type"], added["content"], added["from"]) == ("ADD", str(short), [1])
    assert json.loads(curate(page.format(short, long)))["operations"] == []


def test_its_code_names_nothing_of_the_worlds_it_is_measured_in() -> None:
    from knowhow.environments.household import rooms

    vocabulary = {
        word
        for text in _strings(ast.parse(Path(str(rooms.__file__)).read_text()))
        for word in text.lower().split()
        if len(word) > 2
    }
    vocabulary |= {
        "microwave",
        "sinkbasin",
        "fridge",
        "desklamp",
        "heat",
        "cool",
        "clean",
        "wagon",
        "lever",
        "ticket",
        "click",
    }
    assert len(vocabulary) > 50
    said: set[str] = set()
    for file in Path(next(iter(novice_package.__path__))).glob("*.py"):
        said |= {word for text in _strings(ast.parse(file.read_text())) for word in text.lower().split()}
    assert not said & vocabulary


def test_it_is_a_langchain_chat_model_with_token_counts() -> None:
    reply = NoviceChat().bind_tools(list(TOOLS)).invoke(prompt("frob", "frob blick 1"), seed=4)
    assert reply.tool_calls[0]["name"] == "act"
    assert reply.usage_metadata is not None and reply.usage_metadata["input_tokens"] > 10


def _strings(tree: ast.AST) -> list[str]:
    """The string constants that are no docstrings."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        n.value
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docs
    ]
