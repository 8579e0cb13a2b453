"""Seeds of parts from the seed of the whole."""

from __future__ import annotations

import hashlib


def child_seed(seed: int, *path: object) -> int:
    """A seed in [0, 2**31) for the part at ``path``; the part 0 alone keeps the seed itself, so that one sample is the
    plain case."""
    if path == (0,):
        return seed
    return int.from_bytes(hashlib.sha256(repr((seed, *path)).encode()).digest()[:4], "big") >> 1
