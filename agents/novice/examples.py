"""What the novice makes of worked examples in its prompt: the same plans and mechanics as it would write down after
such an attempt of its own, with the example's id.

An example begins with a line such as ``Case [cas-00001] (succeeded, helpful=2 harmful=0) put: put a mug on shelf``;
its calls follow as in a transcript. One that failed teaches what made what possible, and speaks against its own plan.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from knowhow.agents.novice.attempts import Done, read_attempt, went_well
from knowhow.agents.novice.lessons import Lesson, Lessons, Mechanic, Plan, sorted_out
from knowhow.agents.novice.plans import mechanics_of, plan_of
from knowhow.agents.novice.reflect import taught
from knowhow.agents.novice.sections import section

_EXAMPLE = re.compile(
    r"^(?:Case|Example) \[([a-z]+-\d+)\] \((succeeded|failed|outcome unknown)[^)\n]*?"
    r"(?:helpful=(\d+) harmful=(\d+))?\) [^:\n]*: ([^\n]*)\n(.*?)(?=^(?:Case|Example) \[|^# |\Z)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Example:
    id: str
    outcome: str
    goal: str
    steps: tuple[Done, ...]
    helpful: int = 0
    harmful: int = 0


def lessons_of_examples(prompt: str) -> Lessons:
    """The lessons that the examples of a prompt teach."""
    examples = read_examples(prompt)
    return sorted_out([*_ways(examples), *_pooled(examples)])


def read_examples(prompt: str) -> list[Example]:
    return [
        Example(id, outcome, goal, tuple(read_attempt(rest)), int(helpful or 0), int(harmful or 0))
        for id, outcome, helpful, harmful, goal, rest in _EXAMPLE.findall(prompt)
    ]


def explain(prompt: str) -> str:
    """The reply to the Explainer's prompt: the steps that the plan is made of, unless it failed."""
    failed = went_well(section(prompt, "Outcome")) is False
    plan = None if failed else plan_of(section(prompt, "Task"), read_attempt(section(prompt, "Attempt")))
    steps = ", then ".join(f"`{step}`" for step in plan.steps) if plan else ""
    return json.dumps({"rationale": steps and f"What mattered for such a task: {steps}."})


def _ways(examples: Sequence[Example]) -> Iterator[Lesson]:
    """How examples went well, each with its record; failures of the same plan count against it."""
    known = [(example, way) for example in examples for way in _taught(example) if not isinstance(way, Mechanic)]
    failed = [(plan.pattern, plan.steps) for plan in _failed(examples)]
    for example, way in known:
        warnings = failed.count((way.pattern, way.steps)) if isinstance(way, Plan) else 0
        yield replace(way, id=example.id, helpful=example.helpful, harmful=example.harmful + warnings)


def _taught(example: Example) -> list[Lesson]:
    good = {"succeeded": True, "failed": False}.get(example.outcome)
    return taught(example.goal, example.steps, good)


def _failed(examples: Sequence[Example]) -> Iterator[Plan]:
    plans = (plan_of(example.goal, example.steps) for example in examples if example.outcome == "failed")
    yield from (plan for plan in plans if plan)


def _pooled(examples: Sequence[Example]) -> Iterator[Mechanic]:
    """What several examples say of one kind of command, under the id of the first that speaks of it."""
    found: dict[str, Mechanic] = {}
    for example in examples:
        for new in mechanics_of(example.steps):
            old = found.get(new.target)
            found[new.target] = (old.better(new) or old) if old else replace(new, id=example.id)
    yield from found.values()
