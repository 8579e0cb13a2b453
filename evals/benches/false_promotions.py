"""How often chance alone promotes a lesson: ``python -m knowhow.evals.benches.false_promotions``.

Worthless lessons go through rounds of episodes that withhold some at random, and of replays, in pairs and without them
all; after every round each interval is looked at and statuses follow, as in ``knowhow evolve``. Prints one JSON object:
the share of worthless lessons that was *ever* promoted, for lessons of known effects the share whose interval *ever*
missed the effect, and how many of those just worth a place were *ever* retired, where hardly more was to be gained. The
first two must be at most 0.05; the last at most 0.125, which is what the rules for it add up to.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from random import Random

from knowhow.agents.seeds import child_seed
from knowhow.environments.types import Feedback, Task, Trajectory
from knowhow.memory.fold import fold
from knowhow.memory.promote import Rules, promotions
from knowhow.memory.proof.effects import Evidence, Usual, of_episodes, of_pairs
from knowhow.memory.proof.predict import Predictions
from knowhow.memory.proof.room import of_spared
from knowhow.memory.proof.withhold import drawn
from knowhow.memory.types import Item, Status

KINDS = {"easy": 0.8, "middling": 0.5, "hard": 0.2}
"""Success at each kind of task without any lesson."""
EFFECTS = (-0.2, -0.1, 0.0, 0.1, 0.2)
PAIRS = 5
"""Paired replays a round."""


def episode(effects: Mapping[str, float], seed: int, withheld: set[str], *path: object) -> Trajectory:
    """An episode that each lesson shown in it makes as much likelier to succeed as its effect says."""
    random = Random(child_seed(seed, *path))
    kind = Random(seed).choice([*KINDS])
    chance = KINDS[kind] + sum(effect for id, effect in effects.items() if id not in withheld)
    shown = tuple(id for id in effects if id not in withheld)
    task = Task("t", "simulated", "train", kind, "")
    won = float(random.random() < chance)
    return Trajectory("e", task, seed, Feedback(""), reward=won, shown=shown, withheld=tuple(sorted(withheld)))


def rounds(effects: Mapping[str, float], seed: int, looks: int, each: int, rate: float) -> list[dict[str, Item]]:
    """The items after each of ``looks`` rounds of ``each`` episodes and a few paired replays."""
    items, usual, known, states = {id: Item(id, "lesson", id) for id in effects}, Usual(), Predictions(), []
    for look in range(looks):
        seeds = [child_seed(seed, look, number) for number in range(each + PAIRS)]
        single = [episode(effects, one, {id for id in effects if drawn(rate, one, id)}, 0) for one in seeds[:each]]
        halves = [(one, {id for id in effects if drawn(0.5, one, id)}) for one in seeds[each:]]
        pairs = [
            (episode(effects, one, half, "proof"), episode(effects, one, {*effects} - half, "mirror"))
            for one, half in halves
        ]
        found, paired = of_episodes(single, rate, usual, known), of_pairs(pairs, known)
        both = {id: found.get(id, Evidence()) + paired.get(id, Evidence()) for id in effects}
        # A retired lesson would be shown no more; here it goes on, so that every look is a chance to be promoted.
        items = fold(
            promotions({id: replace(item, status=Status.CANDIDATE) for id, item in items.items()}, both), items
        )
        states.append(items)
    return states


def ever_promoted(lessons: int, seed: int, looks: int, each: int, rate: float) -> int:
    """How many of so many worthless lessons were active after any round."""
    states = rounds({f"w-{number}": 0.0 for number in range(lessons)}, seed, looks, each, rate)
    return sum(any(state[id].status is Status.ACTIVE for state in states) for id in states[0])


def ever_missed(effect: float, seed: int, looks: int, each: int, rate: float) -> bool:
    """Whether the interval of one lesson of this effect was wrong after any round."""
    ends = (state["k-1"].effect or {} for state in rounds({"k-1": effect}, seed, looks, each, rate))
    return any(not one["low"] <= effect <= one["high"] for one in ends)


def ever_lost(seed: int, looks: int, each: int, spares: bool, worth: float) -> bool:
    """Whether a lesson that is all that a perfect agent lacks, and just worth a place, was retired after any round: of
    paired replays, or of those that go without it."""
    item, known, rules = Item("k-1", "lesson", "k"), Predictions(), Rules(worth=worth)
    for look in range(looks):
        seeds = [child_seed(seed, look, number) for number in range(each)]
        found, room = {}, {}
        if spares:
            room = of_spared(_perfect(one, {"k-1"}, worth) for one in seeds)
        else:
            away = [(one, {"k-1"} if drawn(0.5, one, "k-1") else set[str]()) for one in seeds]
            found = of_pairs([(_perfect(s, w, worth), _perfect(s, {"k-1"} - w, worth)) for s, w in away], known)
        (edit,) = promotions({"k-1": item}, found, rules, room)
        if edit.fields.get("status") is Status.RETIRED:
            return True
        item = replace(item, effect=edit.fields["effect"])
    return False


def _perfect(seed: int, withheld: set[str], worth: float) -> Trajectory:
    won = not withheld or Random(child_seed(seed, "luck")).random() >= worth
    task, shown = Task("t", "simulated", "train", "easy", ""), ("k-1",) if not withheld else ()
    return Trajectory("e", task, seed, Feedback(""), reward=float(won), shown=shown, withheld=(*withheld,))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lessons", type=int, default=300, help="worthless lessons in a repetition")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--looks", type=int, default=40, help="rounds in a repetition")
    parser.add_argument("--episodes", type=int, default=10, help="episodes in a round")
    parser.add_argument("--known", type=int, default=200, help="lessons of each known effect")
    parser.add_argument("--withhold-rate", type=float, default=0.1)
    options = parser.parse_args()
    shape = (options.looks, options.episodes, options.withhold_rate)
    promoted = [ever_promoted(options.lessons, seed, *shape) for seed in range(options.repeats)]
    missed = {effect: sum(ever_missed(effect, seed, *shape) for seed in range(options.known)) for effect in EFFECTS}
    lost = {
        name: sum(ever_lost(seed, options.looks, options.episodes, spares, 0.1) for seed in range(options.known))
        for name, spares in {"in_pairs": False, "without": True}.items()
    }
    told = {
        "ever_promoted": round(sum(promoted) / (options.lessons * options.repeats), 4),
        "most_in_one_repetition": max(promoted),
        "ever_missed": {f"{effect:+}": round(count / options.known, 4) for effect, count in missed.items()},
        "ever_lost": {name: round(count / options.known, 4) for name, count in lost.items()},
        **vars(options),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
