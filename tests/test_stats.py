"""Intervals that can be believed: against textbook figures, and against how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest

from knowhow.evals.stats import paired


def test_a_paired_difference_comes_with_an_interval_around_it() -> None:
    difference, low, high = paired([1, 1, 0, 1] * 20, [0, 1, 0, 0] * 20)
    assert difference == 0.5
    assert 0.3 < low < 0.45 < 0.55 < high < 0.7
    assert paired([1, 0, 1], [1, 0, 1]) == [0, 0, 0]


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        luck = rng.random(80)
        one, other = luck < 0.7, luck + 0.2 * rng.standard_normal(80) < 0.5
        truth = 0.7 - float(np.mean(rng.random(200_000) + 0.2 * rng.standard_normal(200_000) < 0.5))
        _, low, high = paired(one.astype(float).tolist(), other.astype(float).tolist())
        held += low <= truth <= high
    assert 180 <= held <= 199


def test_only_pairs_can_be_compared() -> None:
    with pytest.raises(ValueError, match="no pair"):
        paired([], [])
    with pytest.raises(ValueError, match="shorter"):
        paired([1.0, 0.0], [1.0])
