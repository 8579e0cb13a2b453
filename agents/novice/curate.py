"""How the novice keeps a playbook: what makes a command possible is pooled, and so are records of what did well; of two
plans for one wording the shorter one stays.

A plan that replaces another is a new bullet, so that it has to prove itself anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from knowhow.agents.novice.lessons import Lesson, Mechanic, Plan, about, better, lessons_in, read_lesson
from knowhow.agents.novice.sections import section

STRATEGIES, MECHANICS = "strategies", "mechanics"
Known = dict[tuple[type, str], Lesson]


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


def _insights(reflections: str) -> Iterator[tuple[int, Lesson]]:
    """Every lesson of every reflection, with the reflection's number."""
    for block in re.split(r"^(?=\[\d+\])", reflections, flags=re.MULTILINE):
        number = re.match(r"\[(\d+)\]", block)
        for line in block.splitlines() if number else ():
            lesson = read_lesson(line.partition("Insight: ")[2] or line)
            if lesson and number:
                yield int(number[1]), lesson


def _change(old: Lesson | None, new: Lesson, numbers: list[int]) -> Iterator[Mapping[str, Any]]:
    """A record grows; of two plans one gives way."""
    if old is not None and not isinstance(old, Plan):
        yield {"type": "UPDATE", "id": old.id, "content": str(new), "from": numbers}
        return
    if old is not None:
        yield {"type": "REMOVE", "id": old.id, "reason": "another plan does better", "from": numbers}
    name = MECHANICS if isinstance(new, Mechanic) else STRATEGIES
    yield {"type": "ADD", "section": name, "content": str(new), "from": numbers}


def hopeless(plan: Plan) -> bool:
    return plan.harmful >= 3 and plan.harmful > 2 * plan.helpful


def _removal(plan: Plan) -> Mapping[str, Any]:
    why = f"helped: {plan.helpful}, failed: {plan.harmful}"
    return {"type": "REMOVE", "id": plan.id, "reason": why, "from": []}
