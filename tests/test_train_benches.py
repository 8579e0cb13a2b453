"""What the benches of training make of episodes; the trainings themselves are their own tests' business."""

from __future__ import annotations

import pytest
from locked import episode

from knowhow.evals.benches import grpo, verifier

WON = ("take the red key", "unlock the door")
LOST = ("take the green key", "unlock the door")


def test_a_vote_takes_the_commonest_end_and_the_verifier_what_it_finds_likeliest() -> None:
    won, lost, waited = episode(*WON), episode(*LOST), episode("wait")
    groups = [[lost, won, waited], [waited, waited, won], [waited, lost, waited]]
    assert [[one.success for one in group] for group in groups] == [
        [False, True, False],
        [False, False, True],
        [False, False, False],
    ]
    found = verifier.figures(groups, [[0.1, 0.9, 0.2], [0.3, 0.2, 0.8], [0.5, 0.4, 0.3]])
    assert (found["tasks"], found["n"]) == (3, 3)
    assert found["single"] == pytest.approx(2 / 9, abs=1e-4)
    assert found["majority"]["success"] == 0.0, "two of three end alike, and the first of these is taken"
    assert found["verifier"]["success"] == found["best"]["success"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["verifier_less_majority"][0] == pytest.approx(2 / 3, abs=1e-4)


def test_what_grpo_gained_is_told_by_seed_beside_how_far_it_went() -> None:
    runs = [
        {"rewards": [0.0, 0.2, 0.4, 0.6], "kls": [0.0, 0.1, 0.2, 0.4]},
        {"rewards": [0.1, 0.1, 0.5, 0.5], "kls": [0.0, 0.0, 0.1, 0.1]},
    ]
    found = grpo.told(runs, 2)
    assert (found["first"], found["last"], found["kl"]) == ([0.1, 0.1], [0.5, 0.5], [0.3, 0.1])
    assert found["gained"][0] == pytest.approx(0.4) and found["curves"] == [one["rewards"] for one in runs]
    assert grpo.told([{"rewards": [0.0, 1.0], "kls": []}], 1)["kl"] == [], "without a reference nothing is told of it"
