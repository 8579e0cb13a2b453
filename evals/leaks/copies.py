"""Which texts are copies, or nearly, of which: by the word sequences that they share, and by their embeddings.

A short text is held by its threes of words, a long one by its eights, as in PaLM's search for contamination (arXiv
2204.02311, section 8), of which as many must come back.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from knowhow.memory.types import Embedder

SHORT, LONG = 3, 8
"""Words in a sequence; long ones are for texts of at least ``_LONG_FROM`` words."""
_LONG_FROM = 40
SHARED = 0.8
"""Of a text's word sequences, how many must be in another to make that one hold it."""
_READ = 2000
"""Characters of a text that are embedded; its words are read to the end."""
ALIKE = 0.96
"""The cosine from which two embedded texts are taken for the same in other words."""


@dataclass(frozen=True, slots=True)
class Copy:
    """``found`` holds ``of``, to such a share (0 to 1). ``by``: the same text, shared words, or embedding."""

    found: str
    of: str
    by: str
    share: float
    quote: str


class Known:
    """Texts by name that others may hold copies of; ``embedder`` finds those in other words, too."""

    def __init__(self, texts: Mapping[str, str], embedder: Embedder | None = None) -> None:
        self.texts = dict(texts)
        self._sequences = {name: _sequences(text) for name, text in self.texts.items()}
        self._places = defaultdict[tuple[str, ...], list[str]](list)
        for name, sequences in self._sequences.items():
            for sequence in sequences:
                self._places[sequence].append(name)
        self._same = defaultdict[str, list[str]](list)
        for name, text in self.texts.items():
            self._same[_plain(text)].append(name)
        self._embedder = embedder
        self._vectors = embedder([*self.texts.values()]) if embedder and self.texts else None

    def in_(self, name: str, text: str) -> list[Copy]:
        """The known texts that ``text`` holds, the surest first; each once."""
        found = {of: Copy(name, of, "the same text", 1.0, _short(text)) for of in self._same.get(_plain(text), ())}
        for of, share in self._by_words(text).items():
            found.setdefault(of, Copy(name, of, "shared words", round(share, 3), _short(self.texts[of])))
        for of, share, line in self._by_meaning(text):
            found.setdefault(of, Copy(name, of, "embedding", round(share, 3), _short(line)))
        return sorted(found.values(), key=lambda copy: (-copy.share, copy.of))

    def _by_words(self, text: str) -> dict[str, float]:
        words, hits = _words(text), defaultdict[str, list[tuple[int, tuple[str, ...]]]](list)
        for place in range(len(words)):
            for length in (SHORT, LONG):
                sequence = tuple(words[place : place + length])
                for name in self._places.get(sequence, ()):
                    hits[name].append((place, sequence))
        shares = {name: _together(met, len(self._sequences[name])) for name, met in hits.items()}
        return {name: share for name, share in shares.items() if share >= SHARED}

    def _by_meaning(self, text: str) -> list[tuple[str, float, str]]:
        if self._embedder is None or self._vectors is None:
            return []
        lines = [line.strip() for line in re.split(r"[\n.;]", text[:_READ]) if len(_words(line)) >= SHORT]
        if not lines:
            return []
        near = self._embedder(lines) @ self._vectors.T
        names = [*self.texts]
        return [
            (names[column], float(near[row, column]), lines[row]) for row, column in np.argwhere(near >= ALIKE).tolist()
        ]


def copied(texts: Sequence[str], known: Known, *, of_themselves: bool = False) -> list[bool]:
    """For each text whether a known one is nearly the same, in both directions. ``of_themselves``: the texts are the
    known ones, in their order, and each is held against the others."""
    names = [*known.texts]
    made = []
    for place, text in enumerate(texts):
        own = names[place] if of_themselves else None
        held = [copy.of for copy in known.in_("", text) if copy.of != own]
        made.append(any(_both(text, known.texts[of]) for of in held))
    return made


def _together(hits: Sequence[tuple[int, tuple[str, ...]]], wanted: int) -> float:
    """The share of the wanted sequences that are met near each other; a long text has many of them, far apart."""
    far, best, first = wanted + wanted // 2 + 1, 0, 0
    for last, (place, _) in enumerate(hits):
        while hits[first][0] < place - far:
            first += 1
        best = max(best, len({sequence for _, sequence in hits[first : last + 1]}))
    return best / wanted


def _both(one: str, other: str) -> bool:
    a, b = _sequences(one), _sequences(other)
    return not a or len(a & b) >= SHARED * max(len(a), len(b))


def _sequences(text: str) -> frozenset[tuple[str, ...]]:
    """A text shorter than a sequence is one by itself."""
    words = _words(text)
    length = LONG if len(words) >= _LONG_FROM else SHORT
    return _of_length(words, min(length, len(words))) if words else frozenset()


def _of_length(words: Sequence[str], length: int) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(words[place : place + length]) for place in range(len(words) - length + 1))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _plain(text: str) -> str:
    return " ".join(_words(text))


def _short(text: str, most: int = 120) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
