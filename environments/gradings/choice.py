"""The right one of several choices, named by its letter or by its text: B, (b), B. oak, oak."""

from __future__ import annotations

import re
from string import ascii_uppercase

from knowhow.environments.question import Question


class Choice:
    def __call__(self, question: Question, answer: str) -> float:
        chosen = chosen_of(question.choices, answer)
        return float(chosen is not None and chosen == chosen_of(question.choices, question.answer))


def chosen_of(choices: tuple[str, ...], answer: str) -> str | None:
    """The choice that an answer means; None where it means none."""
    plain = {_plain(choice): choice for choice in choices}
    if _plain(answer) in plain:
        return plain[_plain(answer)]
    letter = re.match(r"\W*([A-Za-z])(?:\W*$|[.):]\W*(.*))", answer, re.DOTALL)
    at = ascii_uppercase.find(letter[1].upper()) if letter else -1
    if letter is None or at >= len(choices):
        return None
    # "B. ash" with oak under B means neither.
    return choices[at] if not letter[2] or _plain(letter[2]) == _plain(choices[at]) else None


def lettered(choices: tuple[str, ...]) -> str:
    """The choices as a prompt shows them, a line each."""
    return "\n".join(f"{letter}. {choice}" for letter, choice in zip(ascii_uppercase, choices, strict=False))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).removesuffix(".")
