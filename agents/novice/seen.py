"""How it stands with the things of a goal, as an observation tells it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from knowhow.agents.novice.commands import ARTICLES, FILLERS, PARTICLES, words_of

LETTERS = "abcdef"
BEFORE, AFTER = 2, 8
"""Words around a thing of the goal that say how it stands with it."""
EXACT = 2
"""Larger numbers are all the same."""
LONGEST = 200
"""Characters of an observation that is taken as a whole, where it names nothing of the goal's."""
NOTHING = "nothing of it"


def named(goal: str, texts: Sequence[str]) -> dict[str, str]:
    """The things of the goal that the texts name, by letter in the order of the goal: as many words of it as stand
    together there."""
    words = words_of(goal)
    plain = [text.lower().replace(goal.lower().rstrip("."), "") for text in texts]
    found: list[str] = []
    at = 0
    while at < len(words):
        runs = (words[at:end] for end in range(len(words), at, -1))
        run = next((run for run in runs if _names(run) and any(map(phrase(" ".join(run)).search, plain))), None)
        found += [" ".join(run)] if run else []
        at += len(run) if run else 1
    return dict(zip(LETTERS, dict.fromkeys(found), strict=False))


def _names(run: Sequence[str]) -> bool:
    return not set(run) & (PARTICLES | FILLERS)


def with_letters(goal: str, slots: Mapping[str, str]) -> str:
    """The goal as a pattern: each thing, where it stands first, as its letter in braces."""
    for letter, name in slots.items():
        goal = phrase(name).sub(f"{{{letter}}}", goal, count=1)
    return goal


def seen_of(text: str, slots: Mapping[str, str]) -> list[str]:
    """How it stands with each thing of the goal: the words around it; where the goal has none, the whole text."""
    if not slots:
        return [_quotable(text)] if len(text) <= LONGEST else []
    found = [around for part in _parts(text) for slot in slots.items() for around in _around(part, *slot)]
    return list(dict.fromkeys(found)) or [NOTHING]


@lru_cache(maxsize=4096)
def phrase(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){re.escape(words)}(?![\w-])", re.IGNORECASE)


@lru_cache(maxsize=65536)
def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"[.;\n]+", text) if part.strip())


def _around(part: str, letter: str, name: str) -> Iterator[str]:
    for hit in phrase(name).finditer(part):
        before, after = _words(part[: hit.start()])[-BEFORE:], _words(part[hit.end() :])[:AFTER]
        yield _quotable(" ".join([*before, f"{{{letter}}}", *after]))


def _words(text: str) -> list[str]:
    words = (word for word in text.split() if word.lower() not in ARTICLES)
    return [f"over {EXACT}" if word.isdecimal() and int(word) > EXACT else word for word in words]


def _quotable(text: str) -> str:
    return " ".join(text.replace('"', "'").replace("`", "'").split())
