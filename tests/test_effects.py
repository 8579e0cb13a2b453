"""Effects: the estimate against brute force, and intervals that hold however often they are looked at."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import WON

from knowhow.environments.types import StopReason, Trajectory
from knowhow.memory.effects import Evidence, Usual, of_episodes, of_pairs


def episode(reward: float | None, shown: str = "", withheld: str = "", kind: str = "put") -> Trajectory:
    task = replace(WON.task, kind=kind)
    return replace(WON, task=task, reward=reward, shown=tuple(shown.split()), withheld=tuple(withheld.split()))


def trial(random: Random, count: int, rate: float, effect: float, kinds: dict[str, float]) -> list[Trajectory]:
    """Episodes of kinds with their own success, which an item "i" raises by ``effect``."""
    made = []
    for _ in range(count):
        kind, away = random.choice([*kinds]), random.random() < rate
        won = random.random() < kinds[kind] + (0 if away else effect)
        made.append(episode(float(won), "" if away else "i", "i" if away else "", kind))
    return made


@pytest.mark.parametrize("rate", [0.1, 0.5])
@pytest.mark.parametrize("effect", [-0.2, 0.0, 0.3])
def test_single_episodes_estimate_what_stratified_means_estimate(rate: float, effect: float) -> None:
    kinds = {"easy": 0.65, "hard": 0.25}
    made = trial(Random(3), 20_000, rate, effect, kinds)
    found = of_episodes(made, rate, Usual())["i"]
    strata = []
    for kind in kinds:
        own = [one for one in made if one.task.kind == kind]
        means = [fmean(one.reward or 0.0 for one in own if getattr(one, side)) for side in ("shown", "withheld")]
        strata.append(len(own) / len(made) * (means[0] - means[1]))
    assert found.mean == pytest.approx(sum(strata), abs=0.01)
    assert found.mean == pytest.approx(effect, abs=0.04)
    assert found.weight == pytest.approx(20_000 * rate)


def test_pairs_estimate_the_mean_difference_and_weigh_more_than_single_episodes() -> None:
    pairs = [(episode(1.0, "i j"), episode(0.0, "j", "i")), (episode(0.5, "j", "i"), episode(0.25, "i j"))]
    assert of_pairs(pairs) == {"i": Evidence(2.0, 0.75, 1.0625)}
    assert of_pairs(pairs)["i"].mean == pytest.approx((1.0 - 0.25) / 2)
    assert of_episodes([pairs[0][0]], 0.1, Usual())["i"].weight == pytest.approx(0.1)


@pytest.mark.parametrize("bad", [episode(None), replace(episode(0.0), stop=StopReason.BUDGET)])
def test_an_episode_that_was_cut_off_or_hides_its_reward_is_no_evidence(bad: Trajectory) -> None:
    assert of_pairs([(bad, replace(bad, shown=(), withheld=("i",)))]) == {}
    assert of_episodes([replace(bad, shown=("i",))], 0.1, Usual()) == {}
    assert of_episodes([episode(1.0, "i")], 0.0, Usual()) == {}


def test_what_is_usual_is_known_before_the_episode_and_not_from_it() -> None:
    usual = Usual()
    assert of_episodes([episode(1.0, "i")], 0.5, usual)["i"].total == pytest.approx(0.5)
    assert of_episodes([episode(1.0, "i")], 0.5, usual)["i"].total == pytest.approx(0.25)
    assert usual.reward("put") == pytest.approx(2.5 / 3)


@pytest.mark.parametrize(("effect", "rate"), [(0.0, 0.1), (0.0, 0.5), (0.25, 0.5), (-0.3, 0.2)])
def test_the_interval_seldom_fails_however_often_it_is_looked_at(effect: float, rate: float) -> None:
    missed = 0
    for seed in range(200):
        usual, known = Usual(), Evidence()
        for one in trial(Random(seed), 150, rate, effect, {"easy": 0.6, "hard": 0.35}):
            known += of_episodes([one], rate, usual)["i"]
            low, high = known.interval()
            if not low <= effect <= high:
                missed += 1
                break
    assert missed / 200 <= 0.05


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60), st.randoms())
def test_the_order_of_evidence_does_not_matter_and_it_survives_being_written(
    scores: list[float], random: Random
) -> None:
    mixed = random.sample(scores, len(scores))
    one, other = (sum((Evidence(1.0, s, s * s) for s in order), Evidence()) for order in (scores, mixed))
    assert one.interval() == pytest.approx(other.interval(), abs=1e-4)
    low, high = one.interval()
    assert -1 <= low <= one.mean + 1e-9 and one.mean - 1e-9 <= high <= 1
    assert Evidence.of(one.to_effect()).interval() == pytest.approx(one.interval(), abs=1e-3)


def test_intervals_narrow_with_evidence_and_widen_with_the_level_and_the_spread() -> None:
    def width(evidence: Evidence, level: float = 0.95) -> float:
        low, high = evidence.interval(level)
        return high - low

    assert width(Evidence()) == 2
    assert width(Evidence(400, 0, 100)) < width(Evidence(100, 0, 25)) < width(Evidence(100, 0, 50))
    assert width(Evidence(100, 0, 25), 0.8) < width(Evidence(100, 0, 25), 0.99)
    assert width(Evidence(100, 0, 0)) < 0.13
