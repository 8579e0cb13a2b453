"""How well ranked items suit the query, as a policy may compare them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from knowhow.memory.types import Scored


def relevance(ranked: Sequence[Scored]) -> NDArray[np.float64]:
    """One number an item, never rising: the scores, and where a bank put an item behind one of a lower score, that
    lower one. A policy that goes by these numbers keeps what the bank knows better."""
    scores = np.fromiter((one.score for one in ranked), np.float64, len(ranked))
    return np.minimum.accumulate(scores) if len(scores) else scores
