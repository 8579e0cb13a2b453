"""How the wording of a goal is compared with a pattern such as ``put some {a} on {b}``: exactly, or by likeness."""

from __future__ import annotations

import re
from typing import Protocol

from knowhow.agents.goals import parameters, slots
from knowhow.agents.novice.commands import content_words, kind_of


class Worded(Protocol):
    """``pattern`` is how the goals that it is for read, ``example`` one of them."""

    @property
    def pattern(self) -> str: ...

    @property
    def example(self) -> str: ...


def matched(lesson: Worded, goal: str) -> dict[str, str] | None:
    """What the letters of a lesson's wording stand for in the goal; a name has as many words as in its example."""
    found, known = letters_in(lesson.pattern, goal), letters_in(lesson.pattern, lesson.example)
    if found is None or known is None:
        return None
    fits = all(len(found[letter].split()) == len(known[letter].split()) for letter in found)
    return found if fits else None


def quotable(text: str) -> str:
    """As it can stand in a lesson between quotes."""
    return text.replace('"', "'")


def letters_in(pattern: str, goal: str) -> dict[str, str] | None:
    """The same, with names of any length."""
    found = slots(pattern, quotable(goal))
    return None if found is None else {letter: kind_of(value.strip().lower()) for letter, value in found.items()}


def likeness(pattern: str, goal: str) -> float:
    """From 0 to 1: the share of words that the two have in common, but for what the letters may stand for."""
    constants, words = set(_constants(pattern)), set(content_words(goal))
    common = len(constants & words)
    every = len(constants) + max(0, len(words) - len(parameters(pattern))) - common
    return common / every if every else 0.0


def guessed(pattern: str, goal: str) -> dict[str, str] | None:
    """What the letters may stand for where the wording is another one: the last words that are not the pattern's."""
    letters = parameters(pattern)
    constants = set(_constants(pattern))
    left = [word for word in content_words(goal) if word not in constants]
    if not letters or len(left) < len(letters):
        return None
    return dict(zip(letters, left[-len(letters) :], strict=True))


def _constants(pattern: str) -> list[str]:
    return content_words(re.sub(r"\{[a-z]\}", " ", pattern))
