"""Calibration: figures against known truth, where an episode's confidence comes from, and what the command says."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from doors import TASK, Doors, call, metered
from hypothesis import given
from hypothesis import strategies as some
from langchain_core.messages import AIMessage
from program import knowhow

from knowhow.agents.compose import compose
from knowhow.agents.episode import Agent
from knowhow.agents.metering import Meter
from knowhow.agents.types import Start, Turn
from knowhow.environments.types import Feedback, Sample, Step, Trajectory
from knowhow.evals import calibration
from knowhow.evals.confidence import calibrate, confidences, told_in
from knowhow.evals.folder import RunFolder
from knowhow.evals.settings import Settings

TWENTY = some.lists(
    some.tuples(some.sampled_from([0.0, 0.1, 0.5, 0.55, 0.9, 1.0]), some.booleans()), min_size=1, max_size=20
)


def simulated(n: int, seed: int, sharpness: float = 1.0) -> tuple[list[float], list[bool]]:
    """Confidences that are the true probabilities, pushed away from one half by ``sharpness``."""
    source = np.random.default_rng(seed)
    truth = source.random(n)
    told = truth**sharpness / (truth**sharpness + (1 - truth) ** sharpness)
    return told.tolist(), (source.random(n) < truth).tolist()


def test_a_calibrated_source_has_no_error_and_one_that_is_too_sure_has() -> None:
    for equal_mass in (False, True):
        assert calibration.ece(*simulated(20_000, 1), equal_mass=equal_mass) < 0.015
        assert calibration.ece(*simulated(20_000, 1, sharpness=3), equal_mass=equal_mass) > 0.1
    assert calibration.ece([0.8] * 10, [True] * 6 + [False] * 4) == pytest.approx(0.2)
    assert calibration.ece([0.8] * 10, [True] * 8 + [False] * 2, 1) == pytest.approx(0)


def test_a_calibrated_source_is_accused_once_in_twenty_times_and_a_wrong_one_nearly_always() -> None:
    accused = {
        sharpness: np.mean(
            [
                calibration.ece(*told) > calibration.calibrated(told[0])
                for told in (simulated(60, seed, sharpness) for seed in range(60))
            ]
        )
        for sharpness in (1.0, 4.0)
    }
    assert accused[1.0] <= 0.12 and accused[4.0] >= 0.8, accused


@pytest.mark.parametrize(("sharpness", "truth"), [(1.0, 0.0), (3.0, 0.141)])
def test_the_interval_of_the_error_covers_the_truth_also_where_it_is_none(sharpness: float, truth: float) -> None:
    found = [calibration.ece_interval(*simulated(60, seed, sharpness)) for seed in range(20)]
    assert np.mean([low <= truth <= high for low, high in found]) >= 0.8
    assert all(0 <= low <= high <= 1 for low, high in found)


@given(TWENTY)
def test_auroc_is_the_count_of_mann_and_whitney(told: list[tuple[float, bool]]) -> None:
    sure, right = [one for one, _ in told], [hit for _, hit in told]
    good, bad = ([s for s, hit in told if hit is kind] for kind in (True, False))
    found = calibration.auroc(sure, right)
    if found is None:
        assert not (good and bad) and calibration.auroc_interval(sure, right) == (0, 1)
        return
    counted = sum((one > other) + (one == other) / 2 for one in good for other in bad)
    assert found == pytest.approx(counted / (len(good) * len(bad)))
    low, high = calibration.auroc_interval(sure, right)
    assert 0 <= low <= found <= high <= 1 and low < high


def test_the_interval_of_auroc_covers_the_truth() -> None:
    truth = NormalDist().cdf(1 / np.sqrt(2))  # normal scores, one standard deviation apart
    source, covered = np.random.default_rng(5), 0
    for _ in range(400):
        drawn = np.concatenate([source.normal(1, 1, 40), source.normal(0, 1, 40)])
        scores = 1 / (1 + np.exp(-drawn))  # any order-preserving way into [0, 1]
        low, high = calibration.auroc_interval(scores.tolist(), [True] * 40 + [False] * 40)
        covered += low <= truth <= high
    assert 0.92 <= covered / 400 <= 0.98, covered


def test_a_few_episodes_in_perfect_order_do_not_make_a_sure_thing() -> None:
    low, high = calibration.auroc_interval([0.9, 0.8, 0.2, 0.1], [True, True, False, False])
    assert low < 0.5 and high == 1


@given(TWENTY)
def test_selection_lies_between_chance_and_the_best_and_ends_at_the_accuracy(told: list[tuple[float, bool]]) -> None:
    sure, right = [one for one, _ in told], [hit for _, hit in told]
    accuracy = sum(right) / len(right)
    assert calibration.accuracy_at(sure, right, 1.0) == pytest.approx(accuracy)
    assert calibration.auacc([0.5] * len(right), right) == pytest.approx(accuracy)
    worst = calibration.auacc([1.0 - hit for hit in right], right)
    assert worst - 1e-9 <= calibration.auacc(sure, right) <= calibration.best_auacc(right) + 1e-9
    backwards = calibration.auacc(sure[::-1], right[::-1])
    assert backwards == pytest.approx(calibration.auacc(sure, right))  # the order of equal ones decides nothing


def test_an_interval_has_width_where_all_ended_alike() -> None:
    for hit in (True, False):
        low, high = calibration.bootstrap(calibration.auacc, [0.6, 0.7, 0.8, 0.9] * 5, [hit] * 20)
        assert low <= float(hit) <= high and 0.02 < high - low < 0.5


def test_selection_of_three_by_hand() -> None:
    assert calibration.auacc([0.9, 0.5, 0.1], [True, False, True]) == pytest.approx((1 + 1 / 2 + 2 / 3) / 3)
    assert calibration.accuracy_at([0.9, 0.5, 0.1], [True, False, True], 0.3) == 1


@given(TWENTY, some.integers(1, 12), some.booleans())
def test_a_reliability_table_holds_every_episode_once(told: list[tuple[float, bool]], bins: int, mass: bool) -> None:
    rows = calibration.reliability([s for s, _ in told], [hit for _, hit in told], bins, equal_mass=mass)
    assert sum(row.n for row in rows) == len(told) and sum(row.right for row in rows) == sum(hit for _, hit in told)
    assert all(row.low - 1e-12 <= row.sure <= row.high + 1e-12 for row in rows) and len(rows) <= bins
    distance = sum(row.n * abs(row.sure - row.accuracy) for row in rows) / len(told)
    assert calibration.ece([s for s, _ in told], [hit for _, hit in told], bins, equal_mass=mass) == pytest.approx(
        distance
    )


@pytest.mark.parametrize(("sure", "right"), [([], []), ([0.5], []), ([1.5], [True]), ([float("nan")], [True])])
def test_what_is_no_confidence_is_refused(sure: list[float], right: list[bool]) -> None:
    for figure in (calibration.brier, calibration.auroc, calibration.ece, calibration.auacc):
        with pytest.raises(ValueError, match=r"confidence"):
            figure(sure, right)


# --- where it comes from ---


def told(sure: float, right: bool, said: str = "", logprobs: tuple[float, ...] = ()) -> Trajectory:
    samples = (Sample((1,), tuple(range(len(logprobs))), logprobs), None) if logprobs else ()
    step = Step(None, Feedback(""), said)
    return Trajectory(
        "1", TASK, 0, Feedback(""), (step,), samples=samples, reward=float(right), confidence={"votes": sure}
    )


async def test_votes_of_each_decision_become_the_confidence_of_the_episode() -> None:
    commands = ["take the red key"] * 4 + ["wait"] + ["unlock the door"] * 3 + ["wait"] * 2  # 4 of 5, then 3 of 5
    meter = Meter()
    model = metered(meter, lambda turn: call(commands.pop(0)))
    episode = await compose(Doors(), Agent(model, meter), "self_consistency(n=5)")(TASK, Start(0))
    assert episode.confidence == {"votes": pytest.approx(0.7)}
    assert episode.success


async def test_a_search_keeps_what_its_judge_and_its_methods_said_and_the_rewards_of_its_attempts() -> None:
    def model(turn: Turn) -> AIMessage:
        if not turn.tools:
            return AIMessage(json.dumps({"best": 2, "achieved": True}))
        return call("unlock the door" if "You hold" in turn.messages[-1].text else "take the red key")

    meter = Meter()
    attempt = compose(Doors(), Agent(metered(meter, model), meter), "best_of_n(n=4), self_consistency(n=2)")
    episode = await attempt(TASK, Start(0))
    assert episode.confidence == {"votes": 1.0, "judged": 1.0}
    assert len(episode.tried) == 4 and set(episode.tried) <= {0.0, 1.0} and episode.tried[1] == episode.reward
    assert episode.without_labels().tried == ()


def test_words_and_tokens_tell_a_confidence_too_and_what_tells_none_is_counted() -> None:
    episodes = [
        told(0.9, True, "I am done. Confidence: 80%", (-0.1, -0.3)),
        told(0.2, False, "confidence is 0.3, no: confidence: .25"),
        told(0.5, False, "I have every confidence in 7 of these."),
    ]
    assert told_in(episodes) == ["likelihood", "spoken", "votes"]
    assert confidences("spoken", episodes) == [0.8, 0.25, None]
    assert confidences("likelihood", episodes) == [pytest.approx(np.exp(-0.2)), None, None]
    found = calibrate("spoken", episodes)
    assert (found["episodes"], found["without"], found["auroc"]) == (2, 1, 1.0)
    assert found["says"][0] == "cannot tell whether it ranks: with 2 episodes its AUROC may be 0.5"


# --- the command ---


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two hundred episodes whose votes are far too high, though in the right order."""
    sure, right = simulated(200, 3)
    with RunFolder.create(tmp_path / "run", "run", Settings(suite="household")) as folder:
        for place, (votes, success) in enumerate(zip(sure, right, strict=True)):
            folder.episodes.put(told(votes**0.2, success), phase="run", round=0, index=place)
    return tmp_path / "run"


def test_the_command_tells_ranking_from_calibration(run: Path) -> None:
    (found,) = knowhow("calibrate", run, "--json").told["confidences"]
    assert (found["confidence"], found["episodes"], found["without"]) == ("votes", 200, 0)
    assert found["says"][0] == "it ranks right episodes before wrong ones"
    assert found["says"][1].startswith("it is not calibrated, over-confident by 0.")
    for name in ("ece", "brier", "auroc", "auacc", "accuracy"):
        low, high = found[f"{name}_ci95"]
        assert 0 <= low <= found[name] <= high <= 1 and low < high, name
    said = knowhow("calibrate", run)
    assert said.code == 0 and "200 episodes; accuracy 0." in said.out and "95% interval" in said.out


def test_a_confidence_a_phase_or_a_folder_that_is_not_there_is_one_line(run: Path, tmp_path: Path) -> None:
    assert "no confidence 'vote'; did you mean votes?" in knowhow("calibrate", run, "--confidence", "vote").complaint
    complaint = knowhow("calibrate", run, "--phase", "after").complaint
    assert "no finished episodes in the phase 'after'; its phases are run" in complaint
    assert "there is no run folder" in knowhow("calibrate", tmp_path / "none").complaint
    (found,) = knowhow("calibrate", run, "--confidence", "spoken", "--json").told["confidences"]
    assert found["says"] == ["no episode tells it"] and found["without"] == 200
