"""Habits: what to do by what is seen, where the same commands are possible all the time.

There a command's being possible tells nothing, so what is seen has to decide. Of an attempt that went well, the last
thing that was done in each situation is what led on; how often a command was that, beside each way in which a thing of
the goal was seen, makes a habit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log

from knowhow.agents.novice.attempts import Done
from knowhow.agents.novice.seen import named, seen_of, with_letters

ANYTHING = "anything"
MOST_ROWS, MOST_COMMANDS = 48, 6
DOUBT = 4.0
"""How often a thing must have been seen to count as much as what is done anyway."""
_LESSON = re.compile(r'When the task reads like "([^"]+)" \(as in "([^"]+)"\), go by what is seen: ([^\n]+)')
_ROW = re.compile(r'"([^"]+)" ((?:`[^`]+` \d+(?:, )?)+)')
_COUNT = re.compile(r"`([^`]+)` (\d+)")

Rows = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Habits:
    """For a wording of goals: what was seen, to the commands that led on from there and how often. The row
    ``anything`` counts all."""

    pattern: str
    example: str
    rows: Rows
    id: str = ""
    helpful: int = 0
    harmful: int = 0

    @property
    def key(self) -> str:
        return self.pattern

    def better(self, new: Habits) -> Habits | None:
        """Both records together."""
        every = dict.fromkeys((*self.rows, *new.rows))
        both = {seen: Counter(self.rows.get(seen, {})) + Counter(new.rows.get(seen, {})) for seen in every}
        return replace(self, rows=_most(both))

    def worth(self, command: str, seen: Iterable[str], commands: int) -> float:
        """The logarithm of how well one of so many commands fits all that is seen, each part weighed on its own."""
        every = self.rows.get(ANYTHING, {})
        usual = (every.get(command, 0) + 0.5) / (sum(every.values()) + 0.5 * commands)
        worth = log(usual)
        for row in (self.rows[part] for part in seen if part in self.rows):
            share = (row.get(command, 0) + DOUBT * usual) / (sum(row.values()) + DOUBT)
            worth += log(share / usual)
        return worth

    def __str__(self) -> str:
        rows = (f'"{seen}" {", ".join(f"`{c}` {n}" for c, n in row.items())}' for seen, row in self.rows.items())
        reads = f'When the task reads like "{self.pattern}" (as in "{self.example}")'
        return f"{reads}, go by what is seen: {'; '.join(rows)}."


def read_habits(text: str, id: str = "", helpful: int = 0, harmful: int = 0) -> Habits | None:
    """The habits that a sentence states, or None."""
    found = _LESSON.match(text)
    if not found:
        return None
    rows = {seen: {c: int(n) for c, n in _COUNT.findall(listed)} for seen, listed in _ROW.findall(found[3])}
    return Habits(found[1], found[2], rows, id, helpful, harmful)


def habits_of(goal: str, steps: Sequence[Done]) -> Habits | None:
    """What an attempt that went well teaches; None where nothing was done."""
    if not steps:
        return None
    slots = named(goal, [step.before for step in steps])
    rows: dict[str, Counter[str]] = {}
    for step in direct(steps):
        for seen in (ANYTHING, *seen_of(step.before, slots)):
            rows.setdefault(seen, Counter())[step.command] += 1
    example = goal.strip().rstrip(".").replace('"', "'")
    return Habits(with_letters(example, slots), example, _most(rows))


def direct(steps: Sequence[Done]) -> list[Done]:
    """Without the detours: of all that was done between two equal observations only the last step stays."""
    last = {step.before: place for place, step in enumerate(steps)}
    path, place = list[Done](), 0
    while place < len(steps):
        place = last[steps[place].before]
        path.append(steps[place])
        place += 1
    return path


def _most(rows: Rows) -> Rows:
    """The rows that were seen most, the row for anything always among them."""
    order = sorted(rows, key=lambda seen: (seen != ANYTHING, -sum(rows[seen].values()), seen))[:MOST_ROWS]
    return {seen: dict(sorted(rows[seen].items(), key=lambda one: (-one[1], one[0]))[:MOST_COMMANDS]) for seen in order}
