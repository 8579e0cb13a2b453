"""The same text: whatever its case, blanks and final full stop."""

from __future__ import annotations

from knowhow.environments.question import Question


class Exact:
    def __call__(self, question: Question, answer: str) -> float:
        return float(_plain(answer) == _plain(question.answer))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).removesuffix(".")
