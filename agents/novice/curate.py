"""How the novice keeps a playbook: mechanics of one command are pooled, and of two plans for one wording the shorter
one stays."""

from __future__ import annotations

import json
import re
from typing import Any

from knowhow.agents.novice.lessons import BULLET, Mechanic, Plan, read_lesson
from knowhow.agents.novice.reading import section
from knowhow.agents.novice.reflect import MOST_ENABLERS

PLANS, MECHANICS = "strategies", "mechanics"


def curate(prompt: str) -> str:
    """The reply to the Curator's prompt."""
    bullets = {
        id: (read_lesson(text, id, int(helpful or 0), int(harmful or 0)), text)
        for id, helpful, harmful, text in BULLET.findall(section(prompt, "Playbook"))
    }
    plans = {lesson.pattern: lesson for lesson, _ in bullets.values() if isinstance(lesson, Plan)}
    mechanics = {lesson.target: lesson for lesson, _ in bullets.values() if isinstance(lesson, Mechanic)}
    changed: dict[tuple[str, str], tuple[Plan | Mechanic, list[int]]] = {}
    for number, lesson in _insights(section(prompt, "Reflections")):
        if isinstance(lesson, Plan):
            better = _better_plan(plans.get(lesson.pattern), lesson)
            if better:
                plans[lesson.pattern] = better
                changed[("plan", lesson.pattern)] = (better, [number])
        else:
            pooled = _pooled(mechanics.get(lesson.target), lesson)
            if pooled:
                mechanics[lesson.target] = pooled
                changed.setdefault(("mechanic", lesson.target), (pooled, []))[1].append(number)
                changed[("mechanic", lesson.target)] = (pooled, changed[("mechanic", lesson.target)][1])
    operations = [_operation(lesson, numbers) for lesson, numbers in changed.values()]
    operations += [
        _removal(lesson)
        for lesson, _ in bullets.values()
        if isinstance(lesson, Plan) and _hopeless(lesson) and plans[lesson.pattern] == lesson
    ]
    return json.dumps({"reasoning": f"{len(operations)} changes are worth making.", "operations": operations})


def _insights(reflections: str) -> list[tuple[int, Plan | Mechanic]]:
    """Every lesson of every reflection, with the reflection's number."""
    found = []
    for block in re.split(r"^(?=\[\d+\])", reflections, flags=re.MULTILINE):
        number = re.match(r"\[(\d+)\]", block)
        for line in block.splitlines() if number else ():
            lesson = read_lesson(line.partition("Insight: ")[2] or line)
            if lesson and number:
                found.append((int(number[1]), lesson))
    return found


def _better_plan(old: Plan | None, new: Plan) -> Plan | None:
    if old is None:
        return new
    worth_it = len(new.steps) < len(old.steps) or (old.doubtful and new.steps != old.steps)
    return Plan(new.pattern, new.example, new.steps, old.id) if worth_it else None


def _pooled(old: Mechanic | None, new: Mechanic) -> Mechanic | None:
    if old is None:
        return new
    enablers = (*old.enablers, *(e for e in new.enablers if e not in old.enablers))[:MOST_ENABLERS]
    return Mechanic(old.target, enablers, old.id) if enablers != old.enablers else None


def _hopeless(plan: Plan) -> bool:
    return plan.harmful >= 3 and plan.harmful > 2 * plan.helpful


def _operation(lesson: Plan | Mechanic, numbers: list[int]) -> dict[str, Any]:
    if lesson.id:
        return {"type": "UPDATE", "id": lesson.id, "content": str(lesson), "from": numbers}
    section = PLANS if isinstance(lesson, Plan) else MECHANICS
    return {"type": "ADD", "section": section, "content": str(lesson), "from": numbers}


def _removal(plan: Plan) -> dict[str, Any]:
    return {
        "type": "REMOVE",
        "id": plan.id,
        "reason": f"it helped {plan.helpful} times and failed {plan.harmful} times",
        "from": [],
    }
