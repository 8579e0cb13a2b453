"""How the novice keeps a playbook: what makes a command possible is pooled, and of two plans for one wording the
shorter one stays.

A plan that replaces another is a new bullet, so that it has to prove itself anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from knowhow.agents.novice.lessons import BULLET, Mechanic, Plan, read_lesson
from knowhow.agents.novice.reflect import MOST_ENABLERS
from knowhow.agents.novice.sections import section

PLANS, MECHANICS = "strategies", "mechanics"
Known = dict[tuple[type, str], Plan | Mechanic]


def curate(prompt: str) -> str:
    """The reply to the Curator's prompt."""
    old: Known = {}
    for id, helpful, harmful, text in BULLET.findall(section(prompt, "Playbook")):
        lesson = read_lesson(text, id, int(helpful or 0), int(harmful or 0))
        if lesson:
            old.setdefault(_about(lesson), lesson)
    new, taught = dict(old), dict[tuple[type, str], list[int]]()
    for number, lesson in _insights(section(prompt, "Reflections")):
        better = _better(new.get(_about(lesson)), lesson)
        if better:
            new[_about(lesson)] = better
            taught.setdefault(_about(lesson), []).append(number)
    operations = [
        *(operation for about, numbers in taught.items() for operation in _change(old.get(about), new[about], numbers)),
        *(
            _removal(plan)
            for about, plan in old.items()
            if isinstance(plan, Plan) and new[about] is plan and _hopeless(plan)
        ),
    ]
    return json.dumps({"reasoning": f"{len(operations)} changes are worth making.", "operations": operations})


def _about(lesson: Plan | Mechanic) -> tuple[type, str]:
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


def _better(old: Plan | Mechanic | None, new: Plan | Mechanic) -> Plan | Mechanic | None:
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


def _hopeless(plan: Plan) -> bool:
    return plan.harmful >= 3 and plan.harmful > 2 * plan.helpful


def _removal(plan: Plan) -> Mapping[str, Any]:
    why = f"helped: {plan.helpful}, failed: {plan.harmful}"
    return {"type": "REMOVE", "id": plan.id, "reason": why, "from": []}
