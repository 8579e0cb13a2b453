"""k-means over vectors, the same every time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


def k_means(vectors: Vectors, k: int, rounds: int = 25) -> tuple[Vectors, NDArray[np.int64]]:
    """The centres of at most ``k`` clusters, and how many vectors each has; there is at least one vector.

    It begins with the first vector and then always the one that is farthest from those before (Gonzalez 1985), so that
    chance plays no part, and goes on as Lloyd does.
    """
    centres = _far_apart(vectors, k)
    owner = _nearest(vectors, centres)
    for _ in range(rounds):
        centres = np.stack([vectors[owner == at].mean(axis=0) for at in np.unique(owner)])
        moved = _nearest(vectors, centres)
        if np.array_equal(moved, owner):
            break
        owner = moved
    sizes = np.bincount(owner, minlength=len(centres))
    return centres[sizes > 0], sizes[sizes > 0]


def _far_apart(vectors: Vectors, k: int) -> Vectors:
    chosen = [0]
    distance = _squared(vectors, vectors[:1])[:, 0]
    while len(chosen) < k and distance.max() > 1e-6:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, _squared(vectors, vectors[chosen[-1:]])[:, 0])
    return vectors[chosen]


def _nearest(vectors: Vectors, centres: Vectors) -> NDArray[np.int64]:
    return np.asarray(_squared(vectors, centres).argmin(axis=1), np.int64)


def _squared(vectors: Vectors, centres: Vectors) -> Vectors:
    squares = (vectors**2).sum(axis=1)[:, None] - 2 * vectors @ centres.T + (centres**2).sum(axis=1)
    return np.asarray(np.maximum(squares, 0), np.float32)
