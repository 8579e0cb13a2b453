"""How the novice answers questions: by an operation that gave right answers to questions of the same wording, as far as
memory says so; else by any.

Of an attempt it sees the question, the answer that was given, and whether that was right; every operation that makes
this answer of the question shares the credit or the blame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random

from knowhow.agents.novice.operations import answers

SAME = 0.5
"""Wordings are of one kind from this share of common words on."""
MOST_ROWS = 40
LONGEST = 240
_LESSON = re.compile(r'Questions that read like "([^"]+)" are answered by: ([^\n]+)')
_RECORD = re.compile(r"(\d+) of (\d+)\)")
_MATTER = re.compile(r"-?\d[\d.]*(?: [a-z]+)?(?:(?: ?[-+*/,=])+ ?\d[\d.]*(?: [a-z]+)?)*")
"""Numbers in a row, each with the word that is counted."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What was tried on questions of a wording: operation to (how often it was right, of how many tries)."""

    wording: str
    tried: Mapping[str, tuple[int, int]]
    id: str = ""
    helpful: int = 0
    harmful: int = 0

    @property
    def key(self) -> str:
        return self.wording

    def better(self, new: Answers) -> Answers | None:
        """Both records together."""
        both = {name: _sum(self.tried.get(name), new.tried.get(name)) for name in {**self.tried, **new.tried}}
        return replace(self, tried=dict(sorted(both.items(), key=_rank)[:MOST_ROWS]))

    def __str__(self) -> str:
        rows = "; ".join(f"{name} (right {right} of {tried})" for name, (right, tried) in self.tried.items())
        return f'Questions that read like "{self.wording}" are answered by: {rows}.'


def read_answers(text: str, id: str = "", helpful: int = 0, harmful: int = 0) -> Answers | None:
    """The record that a sentence states, or None."""
    found = _LESSON.match(text)
    if not found:
        return None
    rows = (row.partition(" (right ") for row in found[2].rstrip(".").split("; "))
    records = ((name, _RECORD.fullmatch(record)) for name, _, record in rows)
    tried = {name: (int(record[1]), int(record[2])) for name, record in records if record}
    return Answers(found[1], tried, id, helpful, harmful)


def answers_of(question: str, given: str, right: bool) -> Answers | None:
    """What one answer teaches; None where no operation makes it of the question."""
    same = [name for name, made in answers(question).items() if _plain(made) == _plain(given)]
    return Answers(worded(question), {name: (int(right), 1) for name in same}) if same else None


def answer(question: str, known: tuple[Answers, ...], rng: Random) -> tuple[str, str]:
    """The answer with the best hope of being right, and the id of the lesson that it follows; both are empty where
    nothing can be made of the question."""
    made = answers(question)
    if not made:
        return "", ""
    alike = max(known, key=lambda lesson: (_alike(lesson.wording, question), lesson.id), default=None)
    if alike is None or _alike(alike.wording, question) < SAME:
        return made[rng.choice(list(made))], ""
    hopes = {name: _hope(alike.tried.get(name, (0, 0))) for name in made}
    best = [name for name, hope in hopes.items() if hope == max(hopes.values())]
    return made[rng.choice(best)], alike.id


def worded(question: str) -> str:
    """A question's wording: what stands in quotes, behind the colon or as a number is its matter and left open."""
    said = " ".join(question.split())
    said = re.sub(r"\"[^\"]*\"", "...", said).replace('"', "'")
    said = _MATTER.sub("#", said)
    head, colon, tail = said.rpartition(": ")
    if colon and "#" not in tail and "..." not in tail:
        said = f"{head}: ..."
    return said[:LONGEST].strip()


def _alike(wording: str, question: str) -> float:
    one, other = set(_words(wording)), set(_words(worded(question)))
    return len(one & other) / len(one | other) if one | other else 0.0


def _words(wording: str) -> Iterator[str]:
    return (word.casefold().strip(".,;:?!()'") or word for word in wording.split())


def _hope(record: tuple[int, int]) -> float:
    right, tried = record
    return (right + 1) / (tried + 2)


def _rank(row: tuple[str, tuple[int, int]]) -> tuple[float, str]:
    return -_hope(row[1]), row[0]


def _sum(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int]:
    (right, tried), (more, times) = one or (0, 0), other or (0, 0)
    return right + more, tried + times


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
