"""Recorded episodes of a suite: what the conformance kit looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from knowhow.environments.calls import parse_call
from knowhow.environments.types import SPLITS, Feedback, Suite, Task, Tool, ToolCall

WALK = 12
"""Steps of a random walk."""


@dataclass(frozen=True, slots=True)
class Play:
    """One recorded episode: ``feedbacks`` has the first and one for each call; ``error`` is what it raised, if so."""

    task: Task
    seed: int
    tools: tuple[Tool, ...]
    calls: tuple[ToolCall, ...]
    feedbacks: tuple[Feedback, ...]
    error: str
    by_oracle: bool

    def __str__(self) -> str:
        return f"task {self.task.id!r} with seed {self.seed}{' by the oracle' if self.by_oracle else ''}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A suite, a sample of its tasks, and episodes of each."""

    suite: Suite
    tasks: Sequence[Task] = ()
    plays: Sequence[Play] = ()


Policy = Callable[[int, Feedback, Sequence[Tool]], ToolCall | None]
"""The next call, from the number of calls so far and the last feedback; None to stop."""


async def gather(suite: Suite, tasks_per_split: int, seeds: Sequence[int], tell: Callable[[str], None]) -> Evidence:
    """The first tasks of each split; with each seed, one episode by the oracle and one at random."""
    tasks = [task for split in SPLITS for task in suite.tasks(split)[:tasks_per_split]]
    plays = []
    for number, task in enumerate(tasks, 1):
        tell(f"playing task {number} of {len(tasks)}, {task.id}")
        for seed in seeds:
            oracle, walk = _oracle(suite, task, seed), _walk(task, seed)
            plays.append(await play(suite, task, seed, oracle, suite.max_steps, by_oracle=True))
            plays.append(await play(suite, task, seed, walk, min(WALK, suite.max_steps)))
    return Evidence(suite, tasks, plays)


async def replay(suite: Suite, recorded: Play) -> Play:
    """The same calls once more."""
    calls = recorded.calls
    return await play(suite, recorded.task, recorded.seed, lambda n, last, tools: calls[n], len(calls))


async def play(suite: Suite, task: Task, seed: int, policy: Policy, steps: int, *, by_oracle: bool = False) -> Play:
    """Play until the episode ends, the policy stops or ``steps`` are made; an exception is recorded."""
    tools: tuple[Tool, ...] = ()
    calls: list[ToolCall] = []
    feedbacks: list[Feedback] = []
    error = ""
    try:
        async with suite.open(task, seed=seed) as env:
            tools = tuple(env.tools)
            feedbacks.append(await env.reset())
            while len(calls) < steps and not feedbacks[-1].done:
                call = policy(len(calls), feedbacks[-1], tools)
                if call is None:
                    break
                calls.append(call)
                feedbacks.append(await env.step(call))
    except Exception as failure:
        error = in_one_line(failure)
    return Play(task, seed, tools, tuple(calls), tuple(feedbacks), error, by_oracle)


def in_one_line(error: Exception) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {error}"


def _oracle(suite: Suite, task: Task, seed: int) -> Policy:
    planned = cache(lambda: tuple(suite.oracle(task, seed=seed) or ()))
    return lambda n, last, tools: planned()[n] if n < len(planned()) else None


def _walk(task: Task, seed: int) -> Policy:
    random = Random(f"{task.id}/{seed}")
    return lambda n, last, tools: parse_call(random.choice(last.commands), tools) if last.commands else None
