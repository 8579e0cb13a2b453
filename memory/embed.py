"""Embedders by name, and one that remembers what it embedded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from knowhow.environments.discover import find
from knowhow.memory.types import Embedder

EMBEDDERS = "knowhow.memory.embedders"


def load_embedder(specification: str) -> Embedder:
    """The embedder of ``name``, ``name:argument``, ``package.module:function`` or ``path/file.py:function``.

    Raises: UnknownName with the nearest matches; MissingExtra; BadSetting where the argument does not fit.
    """
    name, _, argument = specification.partition(":")
    own = "." in name
    made: Embedder = find(EMBEDDERS, specification if own else name)("" if own else argument)
    return made


class Remembering:
    """Another embedder, and the vectors of the last ``size`` texts, so that no text is embedded twice in a row."""

    def __init__(self, embedder: Embedder, size: int = 10_000) -> None:
        self.name = embedder.name
        self._embedder, self._size = embedder, size
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not texts:
            return self._embedder(texts)
        known = {text: self._vectors[text] for text in texts if text in self._vectors}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, self._embedder(new), strict=True))
        self._keep(known)
        return np.stack([known[text] for text in texts])

    def _keep(self, vectors: dict[str, NDArray[np.float32]]) -> None:
        for text, vector in vectors.items():
            self._vectors[text] = vector
            self._vectors.move_to_end(text)
        while len(self._vectors) > self._size:
            self._vectors.popitem(last=False)
