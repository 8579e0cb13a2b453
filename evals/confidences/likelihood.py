"""How likely the model held its own words: the geometric mean of the probabilities of all tokens that it sampled."""

from __future__ import annotations

from math import exp
from statistics import fmean

from knowhow.environments.types import Trajectory


def likelihood(episode: Trajectory) -> float | None:
    found = [logprob for sample in episode.samples if sample is not None for logprob in sample.logprobs]
    return min(1.0, exp(fmean(found))) if found else None
