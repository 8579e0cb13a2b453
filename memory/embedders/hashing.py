"""``hashing``: words and their letter groups, hashed into signed dimensions. Offline, no download, the same everywhere.

A word is its own feature and those of its groups of three and four letters (as in fastText, arXiv 1607.04606), so that
"open", "opened" and "opening" are near. A word's weight grows with its length, because short words are mostly grammar,
and with the logarithm of its count. The hashing trick is arXiv 0902.2206's.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from knowhow.environments.errors import BadSetting
from knowhow.memory.types import Embedder


def hashing(argument: str = "") -> Embedder:
    """The embedder ``hashing``, or ``hashing:N`` for N dimensions (512 unless given). Raises: BadSetting."""
    if argument and not (argument.isdecimal() and int(argument) >= 16):
        raise BadSetting(f"hashing:{argument} is no embedder; give a number of dimensions of at least 16, or none")
    return Hashing(int(argument or 512))


class Hashing:
    """Bags of words and letter groups as vectors of length one; 0 for a text without a letter or digit."""

    def __init__(self, dimensions: int) -> None:
        self.name = f"hashing-{dimensions}"
        self._dimensions = dimensions
        self._word = lru_cache(maxsize=16_384)(self._embed_word)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self._dimensions), np.float32)
        for row, text in enumerate(texts):
            counts = Counter(_words(text))
            if counts:
                weights = 1 + np.log(np.fromiter(counts.values(), np.float32, len(counts)))
                vectors[row] = weights @ np.stack([self._word(word) for word in counts])
        return _normal(vectors)

    def _embed_word(self, word: str) -> NDArray[np.float32]:
        groups = list(_letter_groups(word))
        vector = np.zeros(self._dimensions, np.float32)
        for group in groups:
            self._put(vector, group, 1 / np.sqrt(len(groups)))
        self._put(vector, word, 1.0)
        weight: NDArray[np.float32] = vector * np.float32(min(len(word), 6) / 6)
        return weight

    def _put(self, vector: NDArray[np.float32], feature: str, weight: float) -> None:
        digest = int.from_bytes(blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
        vector[(digest >> 1) % self._dimensions] += weight if digest & 1 else -weight


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def _letter_groups(word: str) -> Iterator[str]:
    marked = f"<{word}>"
    return (marked[at : at + size] for size in (3, 4) for at in range(len(marked) - size + 1))


def _normal(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths: NDArray[np.float32] = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    return np.divide(vectors, lengths, out=vectors, where=lengths > 0)
