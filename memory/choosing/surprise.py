"""How much words tell: their self-information under a small language model of the memory's own texts.

Chat models give no probabilities of a prompt's tokens, so that a bigram model, smoothed by mixing in single words
(Jelinek and Mercer 1980) and a count for words never seen, stands in for one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain, pairwise
from math import log2

_WORD = re.compile(r"\w+|[^\w\s]")
_START = ""
_PAIRS = 0.6
"""The weight of pairs beside that of single words."""


class Surprise:
    """Made of texts; tells bits of self-information, -log2 p(word | the word before)."""

    def __init__(self, texts: Iterable[str]) -> None:
        read = [words(text) for text in texts]
        self._single = Counter(chain.from_iterable(read))
        self._before = Counter(chain.from_iterable([_START, *one[:-1]] for one in read if one))
        self._pairs = Counter(chain.from_iterable(pairwise([_START, *one]) for one in read))
        self._all = sum(self._single.values()) + len(self._single) + 1

    def of(self, text: str, before: str = _START) -> float:
        """The mean self-information of the text's words, in bits; 0 where it has none. ``before`` is the word before
        it."""
        found = words(text)
        bits = [-log2(self._probability(word, last)) for last, word in pairwise([before, *found])]
        return sum(bits) / len(bits) if bits else 0.0

    def _probability(self, word: str, last: str) -> float:
        single = (self._single[word] + 1) / self._all
        seen = self._before[last]
        return _PAIRS * self._pairs[last, word] / seen + (1 - _PAIRS) * single if seen else single


def words(text: str) -> list[str]:
    """Words and marks, in lower case."""
    return _WORD.findall(text.lower())
