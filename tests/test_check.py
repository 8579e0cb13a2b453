"""The conformance kit: sound suites pass it, and a suite that breaks one promise is told that one."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count

import pytest

from knowhow.environments.calls import tool
from knowhow.environments.check import Finding, assert_conforms, check_suite
from knowhow.environments.question import OneTurn, Question
from knowhow.environments.text_world import ACT, TextSuite, TextWorld
from knowhow.environments.types import SPLITS, Environment, Feedback, Split, Suite, Task, Tool, ToolCall

PROMISES = {
    "describes": "it says what it is",
    "tasks": "every split has tasks of its own",
    "errors": "episodes run without an error",
    "splits": "no task comes back in another split",
    "answers": "no task tells its answer",
    "repeats": "the same calls get the same feedback",
    "rewards": "rewards stay between zero and one",
    "ends": "episodes end in one way",
    "tools": "tools are in the openai function format",
    "commands": "every offered command can be called",
    "nonsense": "nonsense is answered",
    "apart": "episodes do not disturb each other",
    "oracle": "the oracle wins",
}


class Door(TextWorld):
    """A door with a number on it, which only its own key opens."""

    def __init__(self, number: int) -> None:
        self.number, self.key, self.held = number, "red" if number % 7 < 4 else "green", ""

    def begin(self) -> str:
        return f"You stand before door {self.number}. On the wall hang a red key and a green key."

    def commands(self) -> list[str]:
        return ["take the red key", "take the green key"] + ["unlock the door"] * bool(self.held)

    def do(self, command: str) -> tuple[str, float, bool]:
        if command == "unlock the door":
            return ("It opens.", 1.0, True) if self.held == self.key else ("The key does not fit.", 0.0, False)
        self.held = command.split()[2]
        return f"You hold the {self.held} key.", 0.0, False


class Doors(TextSuite):
    """A sound suite; what follows breaks it, each in one way."""

    name, description = "doors", "One of two keys opens the door."
    max_steps = 10

    def tasks(self, split: Split) -> Sequence[Task]:
        doors = range(SPLITS.index(split), 300, len(SPLITS))
        return [Task(f"door-{n}", self.name, split, "door", f"open door {n}") for n in doors]

    def world(self, task: Task, *, seed: int) -> TextWorld:
        return Door(int(task.goal.split()[-1]))

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        commands = [f"take the {Door(int(task.goal.split()[-1])).key} key", "unlock the door"]
        return [ToolCall("act", {"command": command}) for command in commands]


class Doubled(Doors):
    """Its episodes pass through ``reset`` and ``step`` here, for what a text world cannot do wrong."""

    def told(self, feedback: Feedback) -> Feedback:
        return feedback

    async def answer(self, env: Environment, call: ToolCall) -> Feedback:
        return self.told(await env.step(call))

    def offered(self) -> Sequence[Tool]:
        return (ACT,)

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        async with super().open(task, seed=seed) as env:
            yield _Double(self, env)


class _Double:
    def __init__(self, suite: Doubled, env: Environment) -> None:
        self._suite, self._env, self.tools = suite, env, suite.offered()

    async def reset(self) -> Feedback:
        return self._suite.told(await self._env.reset())

    async def step(self, call: ToolCall) -> Feedback:
        return await self._suite.answer(self._env, call)


# What can be wrong with a suite's description and its tasks


class Nameless(Doors):
    name = ""


class Speechless(Doors):
    description = ""


class Timeless(Doors):
    max_steps = 0


class Unsplit(Doors):
    def tasks(self, split: Split) -> Sequence[Task]:
        return [] if split == "validation" else super().tasks(split)


class Foreign(Doors):
    def tasks(self, split: Split) -> Sequence[Task]:
        return [replace(task, suite="windows") for task in super().tasks(split)]


class Misplaced(Doors):
    def tasks(self, split: Split) -> Sequence[Task]:
        return [replace(task, split="train") for task in super().tasks(split)]


class SameIds(Doors):
    def tasks(self, split: Split) -> Sequence[Task]:
        return [replace(task, id=f"door-{n}") for n, task in enumerate(super().tasks(split))]


class Reshuffled(Doors):
    def tasks(self, split: Split) -> Sequence[Task]:
        tasks = list(super().tasks(split))
        return random.sample(tasks, len(tasks))


class Shared(Doors):
    """The same doors in every split, under other ids."""

    def tasks(self, split: Split) -> Sequence[Task]:
        return [Task(f"{split}-{n}", self.name, split, "door", f"open door {n}") for n in range(40)]


class TellingIds(Doors):
    def tasks(self, split: Split) -> Sequence[Task]:
        return [replace(task, id=self.spelled_out(task)) for task in super().tasks(split)]

    def spelled_out(self, task: Task) -> str:
        commands = [str(call.arguments["command"]) for call in self.oracle(task, seed=0) or ()]
        return f"{task.id}: {', '.join(commands)}"


class TellingGoals(TellingIds):
    def tasks(self, split: Split) -> Sequence[Task]:
        doors = super(TellingIds, self).tasks(split)
        return [replace(task, goal=f"{self.spelled_out(task)} to open door {task.id.split('-')[1]}") for task in doors]


@dataclass(frozen=True, slots=True)
class Answered(Task):
    answer: str = ""


class ExtraField(Doors):
    def tasks(self, split: Split) -> Sequence[Task]:
        return [Answered(t.id, t.suite, t.split, t.kind, t.goal, answer="red") for t in super().tasks(split)]


# What can be wrong with its episodes


class Dice(Doors):
    """Every episode is told in other words."""

    def __init__(self) -> None:
        self.opened = count()

    def world(self, task: Task, *, seed: int) -> TextWorld:
        world, n = Door(int(task.goal.split()[-1])), next(self.opened)
        world.begin = lambda: f"Day {n}. Before you is door {world.number}."  # type: ignore[method-assign]
        return world


class OneRoom(Doors):
    """All episodes share one world."""

    def __init__(self) -> None:
        self.room = Door(0)

    def world(self, task: Task, *, seed: int) -> TextWorld:
        self.room.__init__(int(task.goal.split()[-1]))  # type: ignore[misc]
        return self.room


class Generous(Doubled):
    def told(self, feedback: Feedback) -> Feedback:
        return replace(feedback, reward=feedback.reward * 2)


class Gloomy(Doubled):
    async def answer(self, env: Environment, call: ToolCall) -> Feedback:
        feedback = await env.step(call)
        return replace(feedback, reward=feedback.reward - 0.1 * ("hold" in feedback.observation))


class Boundless(Doubled):
    def told(self, feedback: Feedback) -> Feedback:
        return replace(feedback, reward=float("inf")) if feedback.done else feedback


class TwoEnds(Doubled):
    def told(self, feedback: Feedback) -> Feedback:
        return replace(feedback, truncated=feedback.terminated)


class StillBorn(Doubled):
    def told(self, feedback: Feedback) -> Feedback:
        return replace(feedback, terminated=True)


class Silent(Doubled):
    def told(self, feedback: Feedback) -> Feedback:
        return replace(feedback, observation="")


class Fragile(Doors):
    class Glass(Door):
        def do(self, command: str) -> tuple[str, float, bool]:
            if self.held == "red" and command == "take the green key":
                raise RuntimeError("broken")
            return super().do(command)

    def world(self, task: Task, *, seed: int) -> TextWorld:
        return self.Glass(int(task.goal.split()[-1]))


class Stammering(Doors):
    class Echo(Door):
        def commands(self) -> list[str]:
            return super().commands() * 2

    def world(self, task: Task, *, seed: int) -> TextWorld:
        return self.Echo(int(task.goal.split()[-1]))


class ManyTools(Doubled):
    """With two tools a bare command is no call."""

    def offered(self) -> Sequence[Tool]:
        return (ACT, tool("wait", "Do nothing."))


class BadlyNamedTool(Doubled):
    def offered(self) -> Sequence[Tool]:
        return (tool("do it!", "Do it.", command="What to do."),)


class UndescribedTool(Doubled):
    def offered(self) -> Sequence[Tool]:
        return (tool("act", "", command="What to do."),)


class ShapelessTool(Doubled):
    def offered(self) -> Sequence[Tool]:
        return ({"type": "function", "function": {"name": "act", "description": "Do it.", "parameters": {}}},)


class TwinTools(Doubled):
    def offered(self) -> Sequence[Tool]:
        return (ACT, ACT)


class Touchy(Doubled):
    async def answer(self, env: Environment, call: ToolCall) -> Feedback:
        return await env.step(ToolCall("act", {"command": {"act": call.arguments["command"]}[call.name]}))


class Flattered(Doubled):
    """Whatever is said to it wins."""

    async def answer(self, env: Environment, call: ToolCall) -> Feedback:
        return Feedback("Thank you.", 1.0, terminated=True)


class LostOracle(Doors):
    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        return [ToolCall("act", {"command": "take the red key"})]


class RarelyLostOracle(LostOracle):
    """It loses at one door of fifteen."""

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        oracle = LostOracle.oracle if task.id == "door-3" else Doors.oracle
        return oracle(self, task, seed=seed)


class SlowOracle(Doors):
    max_steps = 5

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        return [ToolCall("act", {"command": "dither"})] * 5 + list(super().oracle(task, seed=seed) or ())


class FailingOracle(Doors):
    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        raise KeyError(task.id)


BROKEN: dict[type[Suite], set[str]] = {
    Nameless: {"describes"},
    Speechless: {"describes"},
    Timeless: {"describes"},
    Unsplit: {"tasks"},
    Foreign: {"tasks"},
    Misplaced: {"tasks"},
    SameIds: {"tasks"},
    Reshuffled: {"tasks"},
    Shared: {"splits"},
    TellingIds: {"answers"},
    TellingGoals: {"answers"},
    ExtraField: {"answers"},
    Dice: {"repeats", "apart"},
    OneRoom: {"apart"},
    Generous: {"rewards"},
    Gloomy: {"rewards", "oracle"},
    Boundless: {"rewards"},
    TwoEnds: {"ends"},
    StillBorn: {"ends", "nonsense"},
    Silent: {"errors", "nonsense"},
    Fragile: {"errors"},
    Stammering: {"commands"},
    ManyTools: {"commands", "errors"},
    BadlyNamedTool: {"tools"},
    UndescribedTool: {"tools"},
    ShapelessTool: {"tools", "commands", "errors"},
    TwinTools: {"tools", "commands", "errors"},
    Touchy: {"nonsense"},
    Flattered: {"nonsense"},
    LostOracle: {"oracle"},
    RarelyLostOracle: {"oracle"},
    SlowOracle: {"oracle"},
    FailingOracle: {"oracle", "errors"},
}


@pytest.mark.parametrize("suite", BROKEN)
async def test_a_broken_suite_is_told_what_it_broke(suite: type[Suite]) -> None:
    findings = await check_suite(suite())
    assert {finding.check for finding in findings if not finding.ok} == {PROMISES[short] for short in BROKEN[suite]}
    assert all(finding.detail for finding in findings if not finding.ok)


async def test_a_sound_suite_keeps_every_promise() -> None:
    assert await check_suite(Doors()) == [Finding(check, True) for check in PROMISES.values()]


async def test_what_a_suite_does_not_offer_is_said_and_not_held_against_it() -> None:
    class Guess(OneTurn):
        name, description = "guess", "Guessing a number from its neighbours."

        def questions(self, split: Split) -> list[Question]:
            return [Question(f"What lies between {n} and {n + 2}?") for n in range(SPLITS.index(split), 99, 3)]

        def grade(self, question: Question, answer: str) -> float:
            return float(answer.isdecimal() and f"between {int(answer) - 1} and" in question.text)

    told = {finding.check: finding for finding in await check_suite(Guess())}
    assert all(finding.ok for finding in told.values())
    assert told[PROMISES["oracle"]].detail == "the suite offers no oracle"
    assert told[PROMISES["commands"]].detail == "the suite offers no commands"
    assert told[PROMISES["answers"]].detail == "the suite offers no oracle to compare with"


@pytest.mark.parametrize(
    ("text", "kind", "choices", "tells"),
    [
        ("Is it {answer}?", "question", (), True),
        ("Which word is odd?", "{answer}", (), True),
        ("Is it oak, ash or elm?", "question", ("oak", "ash", "elm"), False),
        ("Is it {answer}?", "question", ("oak", "ash", "elm"), True),
        ("Which word is odd?", "question", ("oak", "ash", "elm"), False),
        ("Which word comes after {answer}ling?", "question", (), False),
    ],
)
async def test_the_answer_of_a_question_is_not_in_its_task(
    text: str, kind: str, choices: tuple[str, ...], tells: bool
) -> None:
    class Trees(OneTurn):
        name, description = "trees", "Naming trees."

        def questions(self, split: Split) -> list[Question]:
            answers = ("oak", "ash", "elm")
            return [
                Question(f"{split} {n}: {text}".format(answer=a), a, kind.format(answer=a), choices)
                for n, a in enumerate(answers)
            ]

    broken = [finding.check for finding in await check_suite(Trees()) if not finding.ok]
    assert broken == [PROMISES["answers"]] * tells


def test_the_assertion_lists_what_is_broken_and_may_leave_some_out() -> None:
    with pytest.raises(AssertionError, match=r"'doors' breaks its promises:\nthe oracle wins: task 'door-\d+' .*lost"):
        assert_conforms(LostOracle())
    assert_conforms(LostOracle(), skip=["the oracle wins"])


async def test_a_suite_without_tasks_gets_the_first_findings_only() -> None:
    class Empty(Doors):
        def tasks(self, split: Split) -> Sequence[Task]:
            raise OSError("the data is gone")

    assert await check_suite(Empty()) == [
        Finding(PROMISES["describes"], True),
        Finding(PROMISES["tasks"], False, "OSError: the data is gone"),
    ]


async def test_progress_is_told_for_each_task_and_each_promise() -> None:
    told: list[str] = []
    findings = await check_suite(Doors(), tasks_per_split=1, tell=told.append)
    assert told[0] == "playing task 1 of 3, door-0"
    assert told[3:] == [f"checking that {finding.check}" for finding in findings[2:]]
