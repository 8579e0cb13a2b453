"""What a suite promises, one function a promise: each gives what breaks it, a sentence each.

A function's name is the promise, as a finding shows it.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import fields
from itertools import accumulate
from typing import Any, Protocol

from knowhow.environments.calls import check_call, command_argument, parse_call, tool_name
from knowhow.environments.conformance.evidence import Evidence, Play, in_one_line, replay
from knowhow.environments.question import OneTurn
from knowhow.environments.types import SPLITS, Feedback, Suite, Task, Tool, ToolCall

IDS = 1000
"""Task ids that are looked at in a split, evenly spread."""


class Promise(Protocol):
    __name__: str

    def __call__(self, evidence: Evidence) -> Awaitable[Iterable[str]]: ...


class NotApplicable(Exception):
    """A promise that this suite does not make; says why."""


async def it_says_what_it_is(evidence: Evidence) -> Iterable[str]:
    suite = evidence.suite
    problems = [f"its {field} is empty" for field in ("name", "description") if not getattr(suite, field, "")]
    if type(suite.max_steps) is not int or suite.max_steps < 1:
        problems.append(f"max_steps is {suite.max_steps!r}, not a number of steps from 1 up")
    if type(suite.reward_visible) is not bool:
        problems.append(f"reward_visible is {suite.reward_visible!r}, neither True nor False")
    return problems


async def every_split_has_tasks_of_its_own(evidence: Evidence) -> Iterable[str]:
    """There are tasks in every split, the same at every look, and no id twice."""
    problems: list[str] = []
    seen: Counter[str] = Counter()
    for split in SPLITS:
        tasks = evidence.suite.tasks(split)
        if not len(tasks):
            problems.append(f"{split} has no tasks")
            continue
        places = range(0, len(tasks), max(1, len(tasks) // IDS))
        looked_at, again = ([tasks[at] for at in places] for tasks in (tasks, evidence.suite.tasks(split)))
        seen.update(task.id for task in looked_at)
        problems += [f"{split} has {task!r}" for task in looked_at if not _belongs(task, evidence.suite, split)]
        changed = looked_at != again or tasks[-1] != tasks[len(tasks) - 1]
        problems += [f"{split} has other tasks at a second look"] * changed
    return [*problems, *(f"the id {name!r} is there {count} times" for name, count in seen.items() if count > 1)]


def _belongs(task: Task, suite: Suite, split: str) -> bool:
    return task.suite == suite.name and task.split == split and bool(task.id and task.kind and task.goal)


async def no_task_comes_back_in_another_split(evidence: Evidence) -> Iterable[str]:
    """Two tasks are one where goal, first observation and, if there is one, the oracle's way are the same."""
    splits: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for play in evidence.plays:
        if play.by_oracle and play.feedbacks:
            way = json.dumps([[call.name, dict(call.arguments)] for call in play.calls], sort_keys=True)
            splits[play.task.goal, play.feedbacks[0].observation, way].add(play.task.split)
    shared = ((key, where) for key, where in splits.items() if len(where) > 1)
    return [f"{' and '.join(sorted(where))} share the task {goal!r}" for (goal, _, _), where in shared]


async def no_task_tells_its_answer(evidence: Evidence) -> Iterable[str]:
    """A task has no fields beyond ``Task``'s, and these do not spell out all that the oracle's calls say.

    One task may name its answer by accident ("train-7" and 7), so it counts where it happens in more than half of them.
    A goal may name the one call that reaches it ("press ok"), so of one-call tasks only the goals of a ``OneTurn`` are
    looked at, and of those not the ones that name every choice.
    """
    known = {field.name for field in fields(Task)}
    extra = {name for task in evidence.tasks for name in _attributes(task) - known}
    problems = [f"its tasks carry {', '.join(sorted(extra))}"] * bool(extra)
    ways = {play.task.id: play for play in evidence.plays if play.by_oracle and play.calls}
    if not ways and not problems:
        raise NotApplicable("the suite offers no oracle to compare with")
    for field in ("id", "kind", "goal"):
        telling = [play.task for play in ways.values() if _tells(field, play, evidence.suite)]
        if len(telling) * 2 > len(ways):
            problems.append(f"the {field} tells it in {len(telling)} of {len(ways)} tasks, as in {telling[0]!r}")
    return problems


def _attributes(task: Task) -> set[str]:
    return {field.name for field in fields(task)} | set(getattr(task, "__dict__", ()))


def _tells(field: str, play: Play, suite: Suite) -> bool:
    if field == "goal" and len(play.calls) == 1 and not _is_hidden(play, suite):
        return False
    values = {str(value) for call in play.calls for value in call.arguments.values()} - {""}
    return bool(values) and _names_all(str(getattr(play.task, field)), values)


def _is_hidden(play: Play, suite: Suite) -> bool:
    """Is the one call of this episode something that the goal must not name?"""
    choices = play.feedbacks[0].commands or ()
    return isinstance(suite, OneTurn) and not (choices and _names_all(play.task.goal, choices))


def _names_all(text: str, values: Iterable[str]) -> bool:
    return all(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text, re.IGNORECASE) for value in values)


async def episodes_run_without_an_error(evidence: Evidence) -> Iterable[str]:
    """Nothing is raised, and every feedback is one, with something to read."""
    problems = [f"{play}: {play.error}" for play in evidence.plays if play.error]
    said = ((play, feedback) for play in evidence.plays for feedback in play.feedbacks)
    odd = ((play, feedback) for play, feedback in said if not feedback.observation)
    return [*problems, *(f"{play}: the observation of {feedback!r} is empty" for play, feedback in odd)]


async def the_same_calls_get_the_same_feedback(evidence: Evidence) -> Iterable[str]:
    """Every recorded episode is played once more."""
    problems = []
    for play in evidence.plays:
        problems += _difference(play, (await replay(evidence.suite, play)).feedbacks)
    return problems


def _difference(play: Play, feedbacks: Sequence[Feedback]) -> list[str]:
    if play.feedbacks == tuple(feedbacks):
        return []
    pairs = zip(play.feedbacks, feedbacks, strict=False)
    at = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(play.feedbacks), len(feedbacks)))
    return [f"{play}: the feedback {f'to call {at}' if at else 'of reset'} differs"]


async def rewards_stay_between_zero_and_one(evidence: Evidence) -> Iterable[str]:
    """The sum, after every step: an episode may be cut off at any."""
    problems = []
    for play in evidence.plays:
        sums = accumulate(feedback.reward for feedback in play.feedbacks)
        wrong = [total for total in sums if not (math.isfinite(total) and -1e-9 <= total <= 1 + 1e-9)]
        problems += [f"{play}: {wrong[0]}"] if wrong else []
    return problems


async def episodes_end_in_one_way(evidence: Evidence) -> Iterable[str]:
    """Terminated or truncated, never both, and not before the first step."""
    both = [play for play in evidence.plays if any(said.terminated and said.truncated for said in play.feedbacks)]
    early = [play for play in evidence.plays if play.feedbacks and play.feedbacks[0].done]
    return [f"{play}: terminated and truncated" for play in both] + [f"{play}: over before a step" for play in early]


async def tools_are_in_the_openai_function_format(evidence: Evidence) -> Iterable[str]:
    """JSON schemas of objects, described, and no name twice."""
    problems: list[str] = []
    distinct = {repr(play.tools): play.tools for play in evidence.plays if play.feedbacks}
    for tools in distinct.values():
        problems += ["there are no tools"] * (not tools)
        problems += [f"{str(tool)[:100]}: {problem}" for tool in tools if (problem := _schema_problem(tool))]
        names = Counter(str(tool.get("function", {}).get("name")) for tool in tools)
        problems += [f"{count} tools are called {name!r}" for name, count in names.items() if count > 1]
    return problems


def _schema_problem(tool: Tool) -> str:
    try:
        function = json.loads(json.dumps(tool))["function"]
        parameters = function["parameters"]
        properties = set(parameters["properties"])
    except (TypeError, ValueError, KeyError) as error:
        return f"no JSON object with function.parameters.properties ({in_one_line(error)})"
    well_named = re.fullmatch(r"[A-Za-z0-9_-]{1,64}", str(function.get("name")))
    wrong = {
        'its type is not "function"': tool.get("type") != "function",
        "its name is not of 1 to 64 letters, digits, _ and -": not well_named,
        "it has no description": not function.get("description"),
        'its parameters are not of type "object"': parameters.get("type") != "object",
        "it requires arguments that it does not have": not set(parameters.get("required", ())) <= properties,
    }
    return ", ".join(problem for problem, is_so in wrong.items() if is_so)


async def every_offered_command_can_be_called(evidence: Evidence) -> Iterable[str]:
    """A command reads as a call, the call fits its tool, and no command is offered twice."""
    offers = [(play, said.commands) for play in evidence.plays for said in play.feedbacks if said.commands]
    if not offers:
        raise NotApplicable("the suite offers no commands")
    commands = ((play, command) for play, offered in offers for command in offered)
    problems = [f"{play}: {command!r}: {wrong}" for play, command in commands if (wrong := _uncallable(command, play))]
    twice = [play for play, offered in offers if len(set(offered)) < len(offered)]
    return problems + [f"{play}: a command is offered twice" for play in twice]


def _uncallable(command: str, play: Play) -> str:
    try:
        return check_call(parse_call(command, play.tools), play.tools)
    except ValueError as error:
        return str(error)


async def nonsense_is_answered(evidence: Evidence) -> Iterable[str]:
    """A wrong tool or wrong arguments get an observation, no reward and no end; a strange text raises nothing."""
    problems: list[str] = []
    for task in {task.split: task for task in evidence.tasks}.values():
        async with evidence.suite.open(task, seed=0) as env:
            await env.reset()
            for call in _nonsense(env.tools[0]):
                said = await env.step(call)
                if not said.observation or said.reward or said.done:
                    problems.append(f"task {task.id!r}: {call} got {said!r:.200}")
            bare = command_argument(env.tools)
            if bare is not None:
                await env.step(ToolCall(bare[0], {bare[1]: "colourless green ideas"}))
    return problems


def _nonsense(tool: Tool) -> list[ToolCall]:
    required: dict[str, Any] = dict.fromkeys(tool["function"]["parameters"].get("required", ()))
    lacking = [ToolCall(tool_name(tool))] if required else []
    return [ToolCall("no_such_tool"), *lacking, ToolCall(tool_name(tool), {**required, "no_such_argument": "x"})]


async def episodes_do_not_disturb_each_other(evidence: Evidence) -> Iterable[str]:
    """Up to eight episodes open at once, one step of each in turn, go as they went alone."""
    plays = [play for play in evidence.plays if not play.error]
    plays = plays[:2] + plays[2 :: max(1, len(plays) // 6)][:6]
    async with AsyncExitStack() as stack:
        envs = [await stack.enter_async_context(evidence.suite.open(play.task, seed=play.seed)) for play in plays]
        seen = [[await env.reset()] for env in envs]
        for n in range(max((len(play.calls) for play in plays), default=0)):
            for play, env, said in zip(plays, envs, seen, strict=True):
                if n < len(play.calls) and not said[-1].done:
                    said.append(await env.step(play.calls[n]))
    return [problem for play, said in zip(plays, seen, strict=True) for problem in _difference(play, said)]


async def the_oracle_wins(evidence: Evidence) -> Iterable[str]:
    """The full reward in at least 99 of 100 episodes, within the limit of steps."""
    plays = [play for play in evidence.plays if play.by_oracle and (play.calls or play.error)]
    if not plays:
        raise NotApplicable("the suite offers no oracle")
    lost = [play for play in plays if sum(said.reward for said in play.feedbacks) < 1 - 1e-9]
    return [f"{play}: lost" for play in lost] if len(lost) > 0.01 * len(plays) else []


OF_TASKS: tuple[Promise, ...] = (it_says_what_it_is, every_split_has_tasks_of_its_own)
"""Promises that a suite without a single episode can be held to."""

OF_EPISODES: tuple[Promise, ...] = (
    episodes_run_without_an_error,
    no_task_comes_back_in_another_split,
    no_task_tells_its_answer,
    the_same_calls_get_the_same_feedback,
    rewards_stay_between_zero_and_one,
    episodes_end_in_one_way,
    tools_are_in_the_openai_function_format,
    every_offered_command_can_be_called,
    nonsense_is_answered,
    episodes_do_not_disturb_each_other,
    the_oracle_wins,
)
