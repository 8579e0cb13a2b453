"""How the novice reflects on one attempt: what it teaches, and what the lessons that were used did for it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from knowhow.agents.novice.answers import answers_of
from knowhow.agents.novice.attempts import Done, read_attempt, went_well
from knowhow.agents.novice.commands import content_words, mentions, phrase_pattern, read_command, words_of
from knowhow.agents.novice.habits import direct, habits_of
from knowhow.agents.novice.lessons import BULLET, Lesson, Mechanic, read_lesson
from knowhow.agents.novice.plans import mechanics_of, plan_of
from knowhow.agents.novice.sections import section


def reflect(prompt: str) -> str:
    """The reply to the Reflector's prompt."""
    goal, outcome = section(prompt, "Task"), section(prompt, "Outcome")
    steps = read_attempt(section(prompt, "Attempt"))
    good = went_well(outcome)
    used = [(id, text) for id, _, _, text in BULLET.findall(section(prompt, "Bullets used"))]
    lessons = taught(goal, steps, good)
    lacked = _lacked(steps, read_attempt(section(prompt, "Another attempt"))) if good is False else ""
    ways = [str(lesson) for lesson in lessons if not isinstance(lesson, Mechanic)] if good else []
    return json.dumps(
        {
            "reasoning": f"{len(steps)} commands were given. {outcome}",
            "error_identification": "The task was not done within the steps." if good is False else "",
            "root_cause": lacked,
            "correct_approach": "\n".join(ways),
            "key_insight": "\n".join(map(str, lessons)),
            "bullet_tags": [{"id": id, "tag": _tag(text, good)} for id, text in used],
        }
    )


def taught(goal: str, steps: Sequence[Done], good: bool | None) -> list[Lesson]:
    """What an attempt teaches; ``good`` is None where nobody has told whether it was."""
    given = _given(steps)
    if given:
        learned = None if good is None else answers_of(goal, given, good)
        return [learned] if learned else []
    way = _way(goal, steps) if good else None
    return [*([way] if way else []), *mechanics_of(steps)]


def _given(steps: Sequence[Done]) -> str:
    """The answer, where that was all that was done; else nothing."""
    call = read_command(steps[0].command) if len(steps) == 1 else None
    if call is None or len(call.arguments) != 1 or not call.verb.endswith("={})"):
        return ""
    try:
        return str(json.loads(call.arguments[0]))
    except ValueError:
        return ""


def _way(goal: str, steps: Sequence[Done]) -> Lesson | None:
    """How a task was done: by a plan; or by what was seen, where nothing ever became possible by anything, and the
    commands named nothing of the goal or were mostly the same ones again."""
    path = [step.command for step in direct(steps)]
    again = 2 * len(set(path)) <= len(path)
    by_plan = any(step.new for step in steps) or (_names_things(goal, path) and not again)
    return plan_of(goal, steps) if by_plan else habits_of(goal, steps)


def _names_things(goal: str, commands: Sequence[str]) -> bool:
    """Whether commands speak of what the goal speaks of; one that stands there word for word is a deed, no thing."""
    arguments = (a for c in commands if not mentions(c, goal) for a in read_command(c).arguments)
    return any(mentions(word, goal) for argument in arguments for word in content_words(argument))


def _tag(text: str, good: bool | None) -> str:
    """A failure speaks against the way that was followed, not against what makes what possible."""
    if good:
        return "helpful"
    return "harmful" if good is False and not isinstance(read_lesson(text), Mechanic) else "neutral"


def _lacked(steps: Sequence[Done], other: Sequence[Done]) -> str:
    did = {read_command(step.command).verb for step in steps}
    lacked = sorted({read_command(step.command).verb for step in other} - did)
    return f"The attempt that succeeded also used: {', '.join(lacked)}." if lacked else ""


def notes_for_retry(prompt: str) -> str:
    """The reply to the Retry prompt: where the things of the goal were seen."""
    goal = section(prompt, "Task")
    notes: dict[str, str] = {}
    for step in read_attempt(section(prompt, "Attempt")):
        for word in dict.fromkeys(words_of(goal)):
            if len(word) > 2 and mentions(word, step.seen) and not mentions(word, step.command):
                for thing in phrase_pattern(word).findall(step.seen):
                    notes[thing] = step.command
    return (
        " ".join(f"{thing} was seen after `{command}`." for thing, command in notes.items())
        or "Try what was not tried."
    )
