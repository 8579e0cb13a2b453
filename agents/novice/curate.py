"""How the novice keeps a playbook: what makes a command possible is pooled, and of two plans for one wording the
shorter one stays.

A plan that replaces another is a new bullet, so that it has to prove itself anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from knowhow.agents.novice.lessons import Mechanic, Plan, lessons_in, read_lesson
from knowhow.agents.novice.reflect import MOST_ENABLERS
from knowhow.agents.novice.sections import section

PLANS, MECHANICS = "strategies", "mechanics"
Known = dict[tuple[type, str], Plan | Mechanic]


def curate(prompt: str) -> str:
    """The reply to the Curator's prompt."""
    old = known(section(prompt, "Playbook"))
    new, taught = dict(old), dict[tuple[type, str], list[int]]()
    for number, lesson in _insights(section(prompt, "Reflections")):
        found = better(new.get(about(lesson)), lesson)
        if found:
            new[about(lesson)] = found
            taught.setdefault(about(lesson), []).append(number)
    operations = [
        *(operation for what, numbers in taught.items() for operation in _change(old.get(what), new[what], numbers)),
        *(
            _removal(plan)
            for what, plan in old.items()
            if isinstance(plan, Plan) and new[what] is plan and hopeless(plan)
        ),
    ]
    return json.dumps({"reasoning": f"{len(operations)} changes are worth making.", "operations": operations})


def known(listed: str) -> Known:
    """The lessons among bullets by what they are about, the first of each."""
    found: Known = {}
    for lesson in lessons_in(listed):
        found.setdefault(about(lesson), lesson)
    return found


def about(lesson: Plan | Mechanic) -> tuple[type, str]:
    """Lessons about the same thing compete, or are pooled."""
    return type(lesson), lesson.pattern if isinstance(lesson, Plan) else lesson.target


def _insights(reflections: str) -> Iterator[tuple[int, Plan | Mechanic]]:
    """Every lesson of every reflection, with the reflection's number."""
    for block in re.split(r"^(?=\[\d+\])", reflections, flags=re.MULTILINE):
        number = re.match(r"\[(\d+)\]", block)
        for line in block.splitlines() if number else ():
            lesson = read_lesson(line.partition("Insight: ")[2] or line)
            if lesson and number:
                yield int(number[1]), lesson


def better(old: Plan | Mechanic | None, new: Plan | Mechanic) -> Plan | Mechanic | None:
    """What should stand where ``old`` stands; None where it may stay."""
    if old is None:
        return new
    if isinstance(old, Mechanic) and isinstance(new, Mechanic):
        enablers = (*old.enablers, *(e for e in new.enablers if e not in old.enablers))[:MOST_ENABLERS]
        return Mechanic(old.target, enablers) if enablers != old.enablers else None
    if isinstance(old, Plan) and isinstance(new, Plan):
        shorter = len(new.steps) < len(old.steps)
        return new if shorter or (old.doubtful and new.steps != old.steps) else None
    return None


def _change(old: Plan | Mechanic | None, new: Plan | Mechanic, numbers: list[int]) -> Iterator[Mapping[str, Any]]:
    if isinstance(old, Mechanic):
        yield {"type": "UPDATE", "id": old.id, "content": str(new), "from": numbers}
        return
    if old is not None:
        yield {"type": "REMOVE", "id": old.id, "reason": "another plan does better", "from": numbers}
    name = PLANS if isinstance(new, Plan) else MECHANICS
    yield {"type": "ADD", "section": name, "content": str(new), "from": numbers}


def hopeless(plan: Plan) -> bool:
    return plan.harmful >= 3 and plan.harmful > 2 * plan.helpful


def _removal(plan: Plan) -> Mapping[str, Any]:
    why = f"helped: {plan.helpful}, failed: {plan.harmful}"
    return {"type": "REMOVE", "id": plan.id, "reason": why, "from": []}
