"""How the novice guides: of one kind of task, every plan that did it and all that it knows of what makes what possible
is one strategy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from knowhow.agents.novice.attempts import read_attempt, went_well
from knowhow.agents.novice.curate import Known, known
from knowhow.agents.novice.lessons import Lesson, Mechanic, about, better
from knowhow.agents.novice.reflect import taught
from knowhow.agents.novice.sections import section

_ATTEMPT = re.compile(r"^## Attempt (\d+)\nTask: ([^\n]*)\n(.*?)(?=^## Attempt \d|\Z)", re.MULTILINE | re.DOTALL)


def guide(prompt: str) -> str:
    """The reply to the Guide's prompt: the best strategy so far with what the attempts add to it, where that is
    something."""
    own = known(section(prompt, "Strategies for this kind"))
    elsewhere = known(section(prompt, "Strategies for other kinds"))
    guesses = [] if _ways(own) else _ways(elsewhere)
    lessons: Known = {what: lesson for what, lesson in elsewhere.items() if isinstance(lesson, Mechanic) or guesses}
    _pool(lessons, own.values())
    taught = list(_pool_attempts(lessons, section(prompt, "Attempts")))
    lines = [*_ways(lessons), *_mechanics(lessons)]
    news = [line for line in lines if line not in {str(lesson) for lesson in own.values()}]
    kind = section(prompt, "Kind of task")
    strategy = {"for": f"Tasks of the kind {kind}.", "prompt": lines, "temperature": None, "tools": [], "method": ""}
    proposed = [{**strategy, "from": taught}] if news else []
    return json.dumps({"reasoning": f"{len(news)} lessons are new.", "strategies": proposed})


def _pool_attempts(lessons: Known, attempts: str) -> Iterator[int]:
    """Adds what the attempts teach; the numbers of those that taught something."""
    for number, goal, rest in _ATTEMPT.findall(attempts):
        steps = read_attempt(rest)
        if _pool(lessons, taught(goal, steps, went_well(rest.partition("\n> ")[0]))):
            yield int(number)


def _pool(lessons: Known, new: Iterable[Lesson]) -> bool:
    changed = False
    for lesson in new:
        found = better(lessons.get(about(lesson)), lesson)
        if found:
            lessons[about(lesson)] = found
            changed = True
    return changed


def _ways(lessons: Known) -> list[str]:
    return sorted(str(lesson) for lesson in lessons.values() if not isinstance(lesson, Mechanic))


def _mechanics(lessons: Known) -> list[str]:
    return sorted(str(lesson) for lesson in lessons.values() if isinstance(lesson, Mechanic))
