"""Reading commands: ``take mug 1 from shelf 2`` has the verb ``take {} from {}`` and the arguments ``mug 1`` and
``shelf 2``.

Nothing here is about a world: a command is cut at English particles, a call such as ``click(ref="e7")`` at its
arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

PARTICLES = frozenset(
    [
        "to",
        "from",
        "with",
        "in",
        "on",
        "into",
        "onto",
        "at",
        "under",
        "of",
        "about",
        "for",
        "using",
        "by",
        "over",
        "through",
        "as",
    ]
)
ARTICLES = frozenset(("a", "an", "the"))
FILLERS = frozenset(
    ["a", "an", "the", "some", "it", "them", "and", "then", "is", "are", "be", "your", "you", "that", "this"]
)
LONGEST_NAME = 4
"""Words, the number of a thing included."""
_CALL = re.compile(r"(\w+)\((.*)\)$", re.DOTALL)
_ARGUMENT = re.compile(r"(\w+)=(\"(?:[^\"\\]|\\.)*\"|[^,]+)")
_WORD = re.compile(r"[a-z0-9]+(?:[-'][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Command:
    """``verb`` is the command with ``{}`` for each argument."""

    verb: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return self.verb.format(*self.arguments)


@lru_cache(maxsize=65536)
def read_command(text: str) -> Command:
    call = _CALL.match(text.strip())
    if call:
        found = _ARGUMENT.findall(call[2])
        return Command(
            f"{call[1]}({', '.join(f'{name}={{}}' for name, _ in found)})", tuple(value.strip() for _, value in found)
        )
    words = text.split()
    if not words:
        return Command("", ())
    verb, arguments = [words[0]], list[str]()
    chunk: list[str] = []
    for word in words[1:]:
        if word.lower() in PARTICLES:
            if chunk:
                arguments.append(" ".join(chunk))
                verb.append("{}")
                chunk = []
            verb.append(word)
        elif word.lower() in ARTICLES and not chunk:
            verb.append(word)
        else:
            chunk.append(word)
    if chunk:
        arguments.append(" ".join(chunk))
        verb.append("{}")
    return Command(" ".join(verb), tuple(arguments))


@lru_cache(maxsize=65536)
def kind_of(argument: str) -> str:
    """``mug 1`` is a ``mug``; a number at the end of a longer text is a part of it."""
    plain = argument.strip('"')
    return (re.sub(r"[ _-]?\d+$", "", plain) if len(plain.split()) <= LONGEST_NAME else plain).lower() or argument


def words_of(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def content_words(text: str) -> list[str]:
    """The words that may name something, in order, without repetition."""
    return list(dict.fromkeys(word for word in words_of(text) if word not in PARTICLES and word not in FILLERS))


def verb_word(command: Command) -> str:
    return re.split(r"[ (]", command.verb, maxsplit=1)[0].lower()


@lru_cache(maxsize=4096)
def phrase_pattern(phrase: str) -> re.Pattern[str]:
    """Finds a phrase with a number behind it or none: ``mug`` finds ``mug 1``."""
    return re.compile(rf"(?<![\w-]){re.escape(phrase)}(?: \d+)?(?![\w-])", re.IGNORECASE)


def mentions(phrase: str, text: str) -> bool:
    return phrase_pattern(phrase).search(text) is not None
