"""Intervals that can be believed: against textbook figures, and against how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest

from knowhow.evals.benches.statistics import measured
from knowhow.evals.stats import (
    Tried,
    area,
    episodes_to,
    holm,
    mcnemar,
    needed,
    over_runs,
    paired,
    pass_all,
    pass_at,
    tried,
    visible,
    wilson,
)


def test_a_paired_difference_comes_with_an_interval_around_it() -> None:
    difference, low, high = paired([1, 1, 0, 1] * 20, [0, 1, 0, 0] * 20)
    assert difference == 0.5
    assert 0.3 < low < 0.45 < 0.55 < high < 0.7
    alike, low, high = paired([1, 0, 1], [1, 0, 1])
    assert alike == 0 and low < 0 < high, "three pairs that are alike prove little"
    assert paired([1, 0] * 500, [1, 0] * 500)[2] < 0.01


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    held = 0
    truth = 0.7 - float(np.mean(rng.random(4_000_000) + 0.2 * rng.standard_normal(4_000_000) < 0.5))
    for _ in range(200):
        luck = rng.random(80)
        one, other = luck < 0.7, luck + 0.2 * rng.standard_normal(80) < 0.5
        _, low, high = paired(one.astype(float).tolist(), other.astype(float).tolist())
        held += low <= truth <= high
    assert 180 <= held <= 199


def test_attempts_at_the_same_tasks_tell_less_than_as_many_tasks() -> None:
    once = tried([("a", True), ("b", False), ("c", True)])
    assert once == Tried.once(2, 3) and once.interval() == wilson(2, 3)
    assert tried([]).interval() == (0, 1)
    one, other = tried([("a", True), ("a", False), ("b", True)]), tried([("c", True), ("c", True)])
    assert one + other == tried([("a", True), ("a", False), ("b", True), ("c", True), ("c", True)])
    alike = tried((task, True) for task in range(5) for _ in range(8)).interval()  # only the five tasks are known
    assert alike[0] < wilson(5, 5)[0] < wilson(40, 40)[0] and alike[1] == pytest.approx(1)


def test_only_pairs_can_be_compared() -> None:
    with pytest.raises(ValueError, match="no pair"):
        paired([], [])
    with pytest.raises(ValueError, match="shorter"):
        paired([1.0, 0.0], [1.0])


def test_few_runs_of_a_method_tell_little_of_it() -> None:
    assert over_runs([0.2]) == [0.2, -1, 1]
    assert over_runs([0.9, -0.2])[1:] == [-1, 1]
    mean, low, high = over_runs([0.1, 0.2, 0.3])
    assert mean == 0.2 and low == pytest.approx(-0.0484, abs=1e-3) and high == pytest.approx(0.4484, abs=1e-3)
    with pytest.raises(ValueError, match="no run"):
        over_runs([])


def test_pairs_that_one_side_alone_wins_are_tested_exactly() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(10, 0) == pytest.approx(2 / 1024)
    assert mcnemar(2, 9) == mcnemar(9, 2) == pytest.approx(0.0654, abs=1e-4)


def test_several_comparisons_are_harder_to_pass_than_one() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_attempts_are_counted_without_bias() -> None:
    assert pass_at(1, 10, 3) == pytest.approx(0.3) and pass_all(1, 10, 3) == pytest.approx(0.3)
    assert pass_at(2, 4, 2) == pytest.approx(1 - 1 / 6) and pass_all(2, 4, 2) == pytest.approx(1 / 6)
    assert pass_all(3, 4, 2) == 0.0 and pass_at(3, 4, 2) == 1.0


def test_how_many_pairs_it_takes_is_known_beforehand() -> None:
    assert needed(0.1, 0.3) == 234
    assert needed(0.05, 0.3) > 4 * needed(0.1, 0.3) - 10
    assert visible(needed(0.1, 0.3), 0.3) == 0.1
    assert visible(3) == 1.0
    with pytest.raises(ValueError, match="0 points"):
        needed(0)


def test_a_learning_curve_has_an_area_and_a_way_to_a_threshold() -> None:
    curve = [(0.0, 0.2), (50.0, 0.6), (100.0, 0.8)]
    assert area(curve) == pytest.approx((0.4 + 0.7) / 2)
    assert area(curve[:1]) == 0.2
    assert episodes_to(0.6, curve) == 50 and episodes_to(0.9, curve) is None


def test_simulated_worlds_agree_with_what_the_statistics_promise() -> None:
    told = measured(80, np.random.default_rng(3))
    for name in ("paired", "graded", "over_runs", "by_task"):
        assert min(told[name].values()) > 0.88
    assert all(often < 0.1 for often in (*told["mcnemar"].values(), told["holm"]))
    assert all(0.62 < often < 0.94 for often in told["needed"].values())
