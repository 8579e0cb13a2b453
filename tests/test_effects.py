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
from knowhow.memory.proof.effects import REACH, Evidence, Usual, of_episodes, of_pairs
from knowhow.memory.proof.predict import Predictions
from knowhow.memory.proof.room import Room


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
    assert width(Evidence(100, 0, 0)) < 0.18


def pairs(random: Random, count: int, effects: dict[str, float], base: float) -> list[tuple[Trajectory, Trajectory]]:
    """Pairs in which each item is shown in one by chance, and a seed's luck is the same in both."""
    made = []
    for _ in range(count):
        half, luck = {id for id in effects if random.random() < 0.5}, random.random()
        shown = (half, {*effects} - half)
        won = [float(luck < base + sum(effects[id] for id in side)) for side in shown]
        one, other = (" ".join(side) for side in shown)
        made.append((episode(won[0], one, other), episode(won[1], other, one)))
    return made


def test_what_the_others_are_predicted_to_do_leaves_the_mean_and_takes_most_of_the_noise() -> None:
    effects = {"i": 0.1, "useless": 0.0, "great": 0.5, "bad": -0.4}
    plain, less = Evidence(), Evidence()
    for seed in range(40):
        made = pairs(Random(seed), 60, effects, 0.4)
        known = Predictions()
        of_pairs(made[:30], known)
        less += of_pairs(made[30:], known)["i"]
        plain += of_pairs([made[30]])["i"]
        for one in made[31:]:
            plain += of_pairs([one])["i"]
    assert (less.weight, plain.weight) == (1200, 1200)
    assert less.mean == pytest.approx(0.1, abs=0.05) and plain.mean == pytest.approx(0.1, abs=0.06)
    assert less.spread < 0.6 * plain.spread


def test_no_prediction_can_push_a_score_out_of_reach() -> None:
    known = Predictions()
    for _ in range(50):
        known.tell("put", {"i": 1.0, "j": 1.0}, 1.0)
        known.tell("put", {"k": 1.0}, 1.0)
    lost = (episode(0.0, "i j k"), episode(1.0, "", "i j k"))
    found = of_pairs([lost], known)
    assert all(-REACH <= one.total < -1 for one in found.values())
    single = of_episodes([episode(1.0, "i", "j k")], 0.1, Usual(), known)
    assert all(abs(one.total) <= 1 for one in single.values())
    assert known.effects("put")["k"] > 0.9 and known.effects("heat")["k"] > 0


def test_an_effect_is_predicted_where_it_was_seen_and_a_little_everywhere() -> None:
    known, random = Predictions(), Random(5)
    for _ in range(100):
        side = random.choice([1.0, -1.0])
        known.tell("put", {"i": side}, side * 0.5)
        known.tell("heat", {"i": side}, 0.0)
    assert known.effects("put")["i"] == pytest.approx(0.5, abs=0.1)
    assert known.effects("heat")["i"] == pytest.approx(0.0, abs=0.1)
    assert 0 < known.effects("cool")["i"] < 0.3
    assert Predictions().effects("put") == {}


@pytest.mark.parametrize("room", [0.1, 0.15])
def test_where_there_is_room_it_is_seldom_taken_for_none_however_often_it_is_looked_at(room: float) -> None:
    lost = 0
    for seed in range(300):
        random, known = Random(seed), Room()
        for _ in range(200):
            known += Room(1, float(random.random() < room))
            if known.log_wealth(0.1) > 2.303:
                lost += 1
                break
    assert lost / 300 <= (0.1 if room == 0.1 else 0.03)
    assert Room(120, 0.0).log_wealth(0.1) > 2.303 > Room(30, 3.0).log_wealth(0.1)
