"""How the novice keeps a manual: its plans are success processes, its mechanics special phenomena.

It blames the plans that it followed for a failure, writes and sharpens rules as it does a playbook's bullets, merges
what is about the same thing, and lays the manual out by what to do and what makes what possible.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from knowhow.agents.novice.attempts import Done, read_attempt, went_well
from knowhow.agents.novice.curate import hopeless, known
from knowhow.agents.novice.lessons import BULLET, Lesson, Mechanic, Plan, about, better, lessons_in
from knowhow.agents.novice.reflect import taught
from knowhow.agents.novice.sections import section

SHORT = 8
"""Calls of an attempt that serves as an example."""
_END = {"type": "stop_generating"}


def diagnose(prompt: str) -> str:
    """The reply to the Diagnosis prompt: a failure speaks against the plans that were followed."""
    failed = went_well(section(prompt, "Outcome")) is False
    used = lessons_in(section(prompt, "Rules used")) if failed else []
    blamed = [lesson.id for lesson in used if not isinstance(lesson, Mechanic)]
    case = "imperfect rules" if blamed else "imperfect agent"
    return json.dumps({"reasoning": f"{len(blamed)} plans were followed.", "case": case, "rules": blamed})


def build(prompt: str) -> str:
    """The reply to the Builder's prompt."""
    case = section(prompt, "Case").partition(":")[0].lower()
    steps = read_attempt(section(prompt, "Attempt"))
    good = True if "success" in case else None
    rules = known(section(prompt, "Rules"))
    operations = []
    for lesson in taught(section(prompt, "Task"), steps, good):
        old = rules.get(about(lesson))
        found = better(old, lesson)
        if found:
            operations.append(_written(found, old, _calls(steps) if isinstance(found, Plan) else ""))
    return _reply([*operations, *_dropped(rules.values(), section(prompt, "Rules blamed"))])


def consolidate(prompt: str) -> str:
    """The reply to the Consolidator's prompt: rules about the same thing become one, hopeless plans go."""
    groups: dict[tuple[type, str], list[Lesson]] = {}
    for lesson in lessons_in(section(prompt, "Rules")):
        groups.setdefault(about(lesson), []).append(lesson)
    return _reply(operation for group in groups.values() for operation in _fewer(group))


def formulate(prompt: str) -> str:
    """The reply to the Formulator's prompt."""
    rules = section(prompt, "Rules")
    lessons = lessons_in(rules)
    plans = [lesson.id for lesson in lessons if not isinstance(lesson, Mechanic)]
    mechanics = [lesson.id for lesson in lessons if isinstance(lesson, Mechanic)]
    others = [id for id, *_ in BULLET.findall(rules) if id not in (*plans, *mechanics)]
    categories = (
        ("What to do", "Follow the plan whose wording is most like the task's.", plans),
        ("What makes what possible", "Where a command is not possible yet, do first what opens it.", mechanics),
        ("What else is known", "", others),
    )
    listed = [{"name": name, "key_points": points, "rules": ids} for name, points, ids in categories if ids]
    return json.dumps({"categories": listed})


def _written(lesson: Lesson, old: Lesson | None, example: str) -> Mapping[str, Any]:
    type = "special phenomenon" if isinstance(lesson, Mechanic) else "success process"
    told = {"rule": str(lesson), "rule_type": type, "example": example, "validation": ""}
    return {"type": "update_rule", "id": old.id, **told} if old else {"type": "write_rule", **told}


def _fewer(group: list[Lesson]) -> Iterator[Mapping[str, Any]]:
    best, *rest = group
    for other in rest:
        best = better(best, other) or best
    if rest:
        yield {"type": "merge_rules", "ids": [lesson.id for lesson in group], "rule": str(best)}
    else:
        yield from _dropped(group, best.id)


def _dropped(rules: Iterable[Lesson], named: str) -> Iterator[Mapping[str, Any]]:
    """The hopeless ones of the plans that are named."""
    for rule in rules:
        if rule.id in named and isinstance(rule, Plan) and hopeless(rule):
            yield {"type": "delete_rule", "id": rule.id, "reason": f"helped: {rule.helpful}, failed: {rule.harmful}"}


def _calls(steps: Sequence[Done]) -> str:
    """The attempt as an example, where it is short enough to be one."""
    return "\n".join(f"> {step.command}" for step in steps) if len(steps) <= SHORT else ""


def _reply(operations: Iterable[Mapping[str, Any]]) -> str:
    listed = list(operations)
    reasoning = f"{len(listed)} changes are worth making."
    return json.dumps({"reasoning": reasoning, "operations": [*listed, _END]})
