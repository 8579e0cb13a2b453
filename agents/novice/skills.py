"""Skills as the novice meets them: tools whose names begin with ``skill_``, each with a line in the prompt that gives
its id, its record and the wording that it is for. What a skill's description says of the world is a lesson as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from knowhow.agents.novice.lessons import BULLET, Lessons, Mechanic, Plan, read_lesson
from knowhow.environments.calls import SKILL, tool_name
from knowhow.environments.types import Tool

_DOES = re.compile(rf'({SKILL}\w+) does "([^"]+)"')


@dataclass(frozen=True, slots=True)
class Known:
    """``plan`` has the skill's wording and record, and the steps that its description names, if it does; ``mechanics``
    are what else that says."""

    tool: str
    plan: Plan
    mechanics: tuple[Mechanic, ...] = ()


def read_skills(system: str, tools: Sequence[Tool]) -> tuple[Known, ...]:
    """The skills among the tools, as far as the prompt says what they are for."""
    descriptions = {tool_name(tool): str(tool["function"].get("description", "")) for tool in tools}
    if not any(name.startswith(SKILL) for name in descriptions):
        return ()
    found = []
    for id, helpful, harmful, text in BULLET.findall(system):
        does = _DOES.match(text)
        if does and does[1] in descriptions:
            plan, mechanics = _described(descriptions[does[1]])
            plan = replace(plan, pattern=does[2], id=id, helpful=int(helpful or 0), harmful=int(harmful or 0))
            found.append(Known(does[1], plan, tuple(replace(mechanic, id=id) for mechanic in mechanics)))
    return tuple(found)


def lessons_of_skills(skills: Sequence[Known]) -> Lessons:
    plans = tuple(skill.plan for skill in skills if skill.plan.steps)
    return Lessons(plans, tuple(mechanic for skill in skills for mechanic in skill.mechanics))


@lru_cache(maxsize=256)
def _described(description: str) -> tuple[Plan, tuple[Mechanic, ...]]:
    read = [read_lesson(line) for line in description.splitlines()]
    plan = next((lesson for lesson in read if isinstance(lesson, Plan)), Plan("", "", ()))
    return plan, tuple(lesson for lesson in read if isinstance(lesson, Mechanic))
