"""Whether a turn was done: the one change that was asked for and no other, and the right answer."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing

from knowhow.environments.gradings.exact import Exact
from knowhow.environments.gradings.numeric import Numeric
from knowhow.environments.question import Question
from knowhow.environments.site import database
from knowhow.environments.site.errands.errand import Turn
from knowhow.environments.site.refusal import Refused

_NUMBER = re.compile(r"\$?\d[\d,]*(\.\d\d)?")


class Grader:
    """Follows one episode's turns. Each is judged by what it changed, whatever came of those before it."""

    def __init__(self, db: sqlite3.Connection, turns: Sequence[Turn]) -> None:
        self._db = db
        self._turns = turns
        self._at = 0
        self._before = database.copy(db)

    @property
    def request(self) -> str:
        """What is asked for now; empty when all is over."""
        return self._turns[self._at].request if self._at < len(self._turns) else ""

    def done(self, answer: str) -> float:
        """The reward of the turn that ends with this answer: its share of 1, or 0. The next turn begins."""
        turn = self._turns[self._at]
        right = _answers(turn.answer, answer) and self._is_changed_by(turn)
        self._at += 1
        self._before.close()
        self._before = database.copy(self._db)
        return right / len(self._turns)

    def close(self) -> None:
        self._before.close()

    def _is_changed_by(self, turn: Turn) -> bool:
        with closing(database.copy(self._before)) as expected:
            try:
                turn.effect(expected)
            except Refused:  # an earlier turn went so wrong that this one is not possible
                return False
            return database.state(expected) == database.state(self._db)


def _answers(right: str, given: str) -> bool:
    if not right:
        return True
    grade = Numeric() if _NUMBER.fullmatch(right) else Exact()
    return grade(Question("", right), given) == 1
