"""Requests as wordings: what changes from session to session becomes a slot, so that ``swing me the kitchen`` and
``swing me the attic`` are one wording, ``swing me the {a}``.

What a person says again in other words is what the request is about. The words that two requests of a session share are
candidates; of sessions that are alike but for these, the ones that differ become slots, and the others stay as they are
(least general generalisation).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

_WORD = re.compile(r"[\w'-]+")
_LETTERS = "abcdef"
"""More slots than these are none."""
_LONG = 3
"""A wording needs a word of its own of so many letters."""


def words(text: str) -> list[str]:
    """The words of a request as it was written."""
    return _WORD.findall(text)


def plain(text: str) -> str:
    """A request as requests are compared: words alone, in lower case."""
    return " ".join(words(text)).casefold()


def match(wording: str, request: str) -> dict[str, str] | None:
    """What the slots of ``wording`` are in a request, as it was written; None where it is another wording."""
    found = _pattern(wording).fullmatch(" ".join(words(request)))
    return found.groupdict() if found else None


def fill(wording: str, slots: Mapping[str, str]) -> str:
    """The wording with its slots filled."""
    return re.sub(r"\{([a-z])\}", lambda found: slots.get(found[1], found[0]), wording)


def slots_of(wording: str) -> list[str]:
    return re.findall(r"\{([a-z])\}", wording)


def wordings(sessions: Sequence[Sequence[str]]) -> list[list[str]]:
    """The requests of each session as wordings; within a session, a letter stands for the same thing."""
    said = [[plain(request) for request in session] for session in sessions]
    shapes = [_shape(session) for session in said]
    groups: dict[tuple[str, ...], list[list[str]]] = {}
    for shape, things in shapes:
        groups.setdefault(tuple(shape), []).append(things)
    varied = {shape: _varied(things) for shape, things in groups.items()}
    named = [_named(shape, things, varied[tuple(shape)]) for shape, things in shapes]
    known = sorted({one for session in named for one in session if slots_of(one)}, key=lambda one: (-_own(one), one))
    return [
        _as_known(session, known) if named_so == session else named_so
        for session, named_so in zip(said, named, strict=True)
    ]


def _shape(session: Sequence[str]) -> tuple[list[str], list[str]]:
    """The session with every word that two of its requests share as a slot, and these words by slot."""
    split = [request.split() for request in session]
    count = Counter(word for request in split for word in set(request))
    things = list(dict.fromkeys(word for request in split for word in request if count[word] > 1))
    letters = {word: f"{{{letter}}}" for word, letter in zip(things, _LETTERS, strict=False)}
    return [" ".join(letters.get(word, word) for word in request) for request in split], things[: len(_LETTERS)]


def _varied(sessions: Iterable[Sequence[str]]) -> list[int]:
    """Which slots are not always the same."""
    return [at for at, things in enumerate(zip(*sessions, strict=True)) if len(set(things)) > 1]


def _named(shape: Sequence[str], things: Sequence[str], varied: Sequence[int]) -> list[str]:
    names = dict(zip(varied, _LETTERS, strict=False))
    slots = {
        letter: f"{{{names[at]}}}" if at in names else thing
        for at, (letter, thing) in enumerate(zip(_LETTERS, things, strict=False))
    }
    made = [fill(request, slots) for request in shape]
    return made if all(map(_own, made)) else [fill(one, dict(zip(_LETTERS, things, strict=False))) for one in shape]


def _own(wording: str) -> int:
    """How many words that are long enough to say something are the wording's own."""
    return sum(len(word) >= _LONG and not slots_of(word) for word in wording.split())


def _as_known(session: Sequence[str], known: Sequence[str]) -> list[str]:
    """A session like no other, by wordings that are known from others; its slots agree, or it stays as it is."""
    found = [next(((one, slots) for one in known if (slots := match(one, said)) is not None), None) for said in session]
    agreed: dict[str, str] = {}
    for one in found:
        for letter, thing in one[1].items() if one else ():
            if agreed.setdefault(letter, thing) != thing:
                return list(session)
    return [one[0] if one else said for one, said in zip(found, session, strict=True)]


@lru_cache(maxsize=8192)
def _pattern(wording: str) -> re.Pattern[str]:
    seen, parts = set[str](), list[str]()
    for word in wording.split():
        letter = "".join(slots_of(word))
        again = letter in seen
        parts.append(re.escape(word) if not letter else f"(?P={letter})" if again else rf"(?P<{letter}>\S+)")
        seen |= {letter} - {""}
    return re.compile(" ".join(parts), re.IGNORECASE)
