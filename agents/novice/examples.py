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

from knowhow.agents.novice.lessons import Lessons, Mechanic, Plan
from knowhow.agents.novice.reflect import MOST_ENABLERS, Done, mechanics_of, plan_of, read_attempt
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
    return Lessons(tuple(_plans(examples)), tuple(_pooled(examples)))


def read_examples(prompt: str) -> list[Example]:
    return [
        Example(id, outcome, goal, tuple(read_attempt(rest)), int(helpful or 0), int(harmful or 0))
        for id, outcome, helpful, harmful, goal, rest in _EXAMPLE.findall(prompt)
    ]


def explain(prompt: str) -> str:
    """The reply to the Explainer's prompt: the steps that the plan is made of, unless it failed."""
    failed = "was not achieved" in section(prompt, "Outcome")
    plan = None if failed else plan_of(section(prompt, "Task"), read_attempt(section(prompt, "Attempt")))
    steps = ", then ".join(f"`{step}`" for step in plan.steps) if plan else ""
    return json.dumps({"rationale": steps and f"What mattered for such a task: {steps}."})


def _plans(examples: Sequence[Example]) -> Iterator[Plan]:
    """One plan for each example that succeeded, with its record; failures of the same plan count against it."""
    planned = [(example, plan_of(example.goal, example.steps)) for example in examples]
    failed = [(plan.pattern, plan.steps) for example, plan in planned if plan and example.outcome == "failed"]
    for example, plan in planned:
        if plan and example.outcome == "succeeded":
            warnings = failed.count((plan.pattern, plan.steps))
            yield replace(plan, id=example.id, helpful=example.helpful, harmful=example.harmful + warnings)


def _pooled(examples: Sequence[Example]) -> Iterator[Mechanic]:
    """What several examples say of one kind of command, under the id of the first that speaks of it."""
    found: dict[str, Mechanic] = {}
    for example in examples:
        for new in mechanics_of(example.steps):
            old = found.get(new.target, replace(new, id=example.id))
            enablers = tuple(dict.fromkeys((*old.enablers, *new.enablers)))[:MOST_ENABLERS]
            found[new.target] = replace(old, enablers=enablers)
    yield from found.values()
