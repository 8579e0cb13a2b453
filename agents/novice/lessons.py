"""The sentences in which the novice writes down what it learned, and reads it again from the prompt.

A *plan* says which commands, in which order, did a task of some wording. A *mechanic* says after which commands
another one becomes possible. *Habits* say what to do by what is seen (``habits.py``), *answers* how questions are
answered (``answers.py``). All are plain English, so that any model, or a person, can use them.

Every lesson has a ``key``, which is the same for lessons about the same thing, and knows what should stand where it
stands once there is a new one of its kind: ``better``, None where it may stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from knowhow.agents.novice.answers import Answers, read_answers
from knowhow.agents.novice.commands import Command, read_command
from knowhow.agents.novice.habits import Habits, read_habits

BULLET = re.compile(
    r"^(?:- )?\[([a-z]+-\d+)\] (?:(?:[^\n:]*?helpful=(\d+) harmful=(\d+))?[^\n:]*:: )?(.+)$", re.MULTILINE
)
"""``[str-00001] helpful=3 harmful=0 :: text``, also behind a dash, with other words before the colons or without."""
_PLAN = re.compile(r'When the task reads like "([^"]+)" \(as in "([^"]+)"\), do in order: (.+?)\.(?: Here .*)?$')
_MECHANIC = re.compile(r"`([^`]+)` becomes possible after (.+?)\.$")
_QUOTED = re.compile(r"`([^`]+)`")
MOST_ENABLERS = 6


@dataclass(frozen=True, slots=True)
class Plan:
    """``pattern`` is a goal's wording with ``{a}``, ``{b}`` for what changes; ``{a2}`` in a step is another thing of
    the kind ``{a}``."""

    pattern: str
    example: str
    steps: tuple[str, ...]
    id: str = ""
    helpful: int = 0
    harmful: int = 0

    @property
    def key(self) -> str:
        return self.pattern

    def better(self, new: Plan) -> Plan | None:
        """Of two plans for one wording the shorter one, or the one that is not doubtful."""
        shorter = len(new.steps) < len(self.steps)
        return new if shorter or (self.doubtful and new.steps != self.steps) else None

    @property
    def doubtful(self) -> bool:
        """It failed at least twice as often as it helped, and not just by chance."""
        return self.harmful >= max(3, 2 * self.helpful)

    def __str__(self) -> str:
        others = sorted(set(re.findall(r"\{([a-z])2\}", " ".join(self.steps))))
        note = f" Here {' and '.join(f'{{{o}2}} is another {{{o}}}' for o in others)}." if others else ""
        steps = "; ".join(f"`{step}`" for step in self.steps)
        return f'When the task reads like "{self.pattern}" (as in "{self.example}"), do in order: {steps}.{note}'


@dataclass(frozen=True, slots=True)
class Mechanic:
    """``target`` becomes possible after any of ``enablers``; letters in braces stand for the same thing in both."""

    target: str
    enablers: tuple[str, ...]
    id: str = ""

    @property
    def key(self) -> str:
        return self.target

    def better(self, new: Mechanic) -> Mechanic | None:
        """All that both say."""
        enablers = (*self.enablers, *(e for e in new.enablers if e not in self.enablers))[:MOST_ENABLERS]
        return replace(self, enablers=enablers) if enablers != self.enablers else None

    def __str__(self) -> str:
        return f"`{self.target}` becomes possible after {' or '.join(f'`{enabler}`' for enabler in self.enablers)}."


Lesson = Plan | Mechanic | Habits | Answers


def about(lesson: Lesson) -> tuple[type, str]:
    """Lessons about the same thing compete, or are pooled."""
    return type(lesson), lesson.key


def better(old: Lesson | None, new: Lesson) -> Lesson | None:
    """What should stand where ``old`` stands, a lesson about the same thing; None where it may stay."""
    if old is None:
        return new
    take_over: Callable[[Any], Lesson | None] = old.better
    return take_over(new)


@dataclass(frozen=True)
class Lessons:
    plans: tuple[Plan, ...] = ()
    mechanics: tuple[Mechanic, ...] = ()
    habits: tuple[Habits, ...] = ()
    answers: tuple[Answers, ...] = ()

    def together(self, others: Lessons) -> Lessons:
        """These, then the others."""
        return Lessons(
            (*self.plans, *others.plans),
            (*self.mechanics, *others.mechanics),
            (*self.habits, *others.habits),
            (*self.answers, *others.answers),
        )

    def undoing(self, verb: str) -> set[str]:
        """The verbs that undo this one: each makes the other possible, on the same things."""
        return self._undoing.get(verb, set())

    @cached_property
    def _undoing(self) -> dict[str, set[str]]:
        pairs = {
            (target.verb, enabler.verb)
            for target, enabler in self._pairs()
            if set(target.arguments) == set(enabler.arguments)
        }
        found: dict[str, set[str]] = {}
        for one, other in pairs:
            if (other, one) in pairs:
                found.setdefault(one, set()).add(other)
        return found

    def _pairs(self) -> Iterable[tuple[Command, Command]]:
        for mechanic in self.mechanics:
            for enabler in mechanic.enablers:
                yield read_command(mechanic.target), read_command(enabler)

    def enabling(self, verb: str) -> Iterable[tuple[Mechanic, Command, Command]]:
        """(lesson, target, enabler) for every known way to make a command of this verb possible."""
        for mechanic in self.mechanics:
            target = read_command(mechanic.target)
            if target.verb == verb:
                for enabler in mechanic.enablers:
                    yield mechanic, target, read_command(enabler)


def read_lesson(text: str, id: str = "", helpful: int = 0, harmful: int = 0) -> Lesson | None:
    """The lesson that a sentence states, or None where it is of none of the forms."""
    text = text.strip()
    return next((found for read in _READERS if (found := read(text, id, helpful, harmful))), None)


def _read_plan(text: str, id: str, helpful: int, harmful: int) -> Plan | None:
    found = _PLAN.search(text)
    return Plan(found[1], found[2], tuple(_QUOTED.findall(found[3])), id, helpful, harmful) if found else None


def _read_mechanic(text: str, id: str, helpful: int, harmful: int) -> Mechanic | None:
    found = _MECHANIC.search(text)
    return Mechanic(found[1], tuple(_QUOTED.findall(found[2])), id) if found else None


_READERS: tuple[Callable[[str, str, int, int], Lesson | None], ...] = (
    _read_plan,
    _read_mechanic,
    read_habits,
    read_answers,
)


def lessons_in(text: str) -> list[Lesson]:
    """Every lesson among the bullets of a text, in order."""
    read = (
        read_lesson(said, id, int(helped or 0), int(harmed or 0)) for id, helped, harmed, said in BULLET.findall(text)
    )
    return [lesson for lesson in read if lesson]


def sorted_out(lessons: Iterable[Lesson]) -> Lessons:
    """The lessons by their kinds."""
    listed = list(lessons)
    return Lessons(
        tuple(one for one in listed if isinstance(one, Plan)),
        tuple(one for one in listed if isinstance(one, Mechanic)),
        tuple(one for one in listed if isinstance(one, Habits)),
        tuple(one for one in listed if isinstance(one, Answers)),
    )


def read_lessons(prompt: str) -> Lessons:
    """Every lesson among the bullets of a prompt."""
    return sorted_out(lessons_in(prompt))
