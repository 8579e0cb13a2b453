"""The two sentences in which the novice writes down what it learned, and reads it again from the prompt.

A *plan* says which commands, in which order, did a task of some wording. A *mechanic* says after which commands
another one becomes possible. Both are plain English, so that any model, or a person, can use them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from knowhow.agents.novice.commands import Command, read_command

BULLET = re.compile(
    r"^(?:- )?\[([a-z]+-\d+)\] (?:(?:[^\n:]*?helpful=(\d+) harmful=(\d+))?[^\n:]*:: )?(.+)$", re.MULTILINE
)
"""``[str-00001] helpful=3 harmful=0 :: text``, also behind a dash, with other words before the colons or without."""
_PLAN = re.compile(r'When the task reads like "([^"]+)" \(as in "([^"]+)"\), do in order: (.+?)\.(?: Here .*)?$')
_MECHANIC = re.compile(r"`([^`]+)` becomes possible after (.+?)\.$")
_QUOTED = re.compile(r"`([^`]+)`")


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

    def __str__(self) -> str:
        return f"`{self.target}` becomes possible after {' or '.join(f'`{enabler}`' for enabler in self.enablers)}."


@dataclass(frozen=True, slots=True)
class Lessons:
    plans: tuple[Plan, ...] = ()
    mechanics: tuple[Mechanic, ...] = ()

    def together(self, others: Lessons) -> Lessons:
        """These, then the others."""
        return Lessons((*self.plans, *others.plans), (*self.mechanics, *others.mechanics))

    def undoing(self, verb: str) -> set[str]:
        """The verbs that undo this one: each makes the other possible, on the same things."""
        pairs = {
            (target.verb, enabler.verb)
            for target, enabler in self._pairs()
            if set(target.arguments) == set(enabler.arguments)
        }
        return {other for one, other in pairs if one == verb and (other, one) in pairs}

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


def read_lesson(text: str, id: str = "", helpful: int = 0, harmful: int = 0) -> Plan | Mechanic | None:
    """The lesson that a sentence states, or None where it is of neither form."""
    text = text.strip()
    plan = _PLAN.search(text)
    if plan:
        return Plan(plan[1], plan[2], tuple(_QUOTED.findall(plan[3])), id, helpful, harmful)
    mechanic = _MECHANIC.search(text)
    if mechanic:
        return Mechanic(mechanic[1], tuple(_QUOTED.findall(mechanic[2])), id)
    return None


def lessons_in(text: str) -> list[Plan | Mechanic]:
    """Every lesson among the bullets of a text, in order."""
    read = (
        read_lesson(said, id, int(helped or 0), int(harmed or 0)) for id, helped, harmed, said in BULLET.findall(text)
    )
    return [lesson for lesson in read if lesson]


def read_lessons(prompt: str) -> Lessons:
    """Every lesson among the bullets of a prompt."""
    read = lessons_in(prompt)
    return Lessons(tuple(r for r in read if isinstance(r, Plan)), tuple(r for r in read if isinstance(r, Mechanic)))
