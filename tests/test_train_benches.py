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


def test_what_grpo_gained_is_told_by_seed_beside_another_arm_and_how_far_it_went() -> None:
    still = [{"outcomes": [0.1] * 4, "abilities": [0.0] * 4, "kls": []}] * 2
    runs = [
        {"outcomes": [0.0, 0.2, 0.4, 0.6], "abilities": [0.0, 0.0, 0.5, 1.0], "kls": [0.0, 0.1, 0.2, 0.4]},
        {"outcomes": [0.1, 0.1, 0.5, 0.5], "abilities": [0.0, 0.5, 0.5, 0.5], "kls": [0.0, 0.0, 0.1, 0.1]},
    ]
    found = grpo.told(runs, still, 2)
    assert found["outcomes"] == {"first": [0.1, 0.1], "last": [0.5, 0.5]} and found["kl"] == [0.3, 0.1]
    assert found["abilities"] == {"first": [0.0, 0.25], "last": [0.75, 0.5]}
    assert found["gained"][0] == found["gained_less_first"][0] == pytest.approx(0.4)
    assert found["curves"]["outcomes"] == [one["outcomes"] for one in runs]
    alone = grpo.told(still, still, 2)
    assert alone["kl"] == [], "without a reference nothing is told of it"
    assert "gained_less_first" not in alone
