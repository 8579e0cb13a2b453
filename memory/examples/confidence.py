"""How sure an agent may be of its own attempts, from how far they agree, after Universal Self-Adaptive Prompting (USP,
arXiv 2305.14926)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CALLS = "; "
"""Between the calls of a ``memory/examples/deeds.py:signature``."""


def agreement(mark: str, others: Sequence[str]) -> float:
    """How much of what an attempt did the other attempts did too, and the other way round: the mean Jaccard similarity
    of their calls, in [0, 1]; 0 where there are no others. All are given by their ``signature``."""
    own = set(mark.split(CALLS))
    return float(np.mean([_jaccard(own, set(other.split(CALLS))) for other in others])) if others else 0.0


def confidence(agreed: float, reward: float | None) -> float:
    """In [0, 1]: the mean of agreement and reward; without a reward no more than was agreed on."""
    return agreed if reward is None else (agreed + reward) / 2


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)
