"""Junk among good lessons: ``python -m knowhow.evals.benches.junk``.

50 useless and 20 harmful lessons are planted as candidates among 6 good ones, proven before, in a real memory. A
simulated agent, whose lessons' effects are known, is replayed in pairs, up to 300 episodes in all; after each round
statuses follow, as in ``knowhow evolve``. A harmful lesson spoils, and a good one saves, a share of the tasks of one
kind. Prints one JSON object, with means over the repetitions: how many harmful lessons are active or still shown, how
many useless ones were retired, how many good ones were lost, estimated against true effects (the truth changes as other
lessons go: it is the mean over the pairs played), and the share of intervals that hold the truth.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from random import Random
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from knowhow.agents.seeds import child_seed
from knowhow.environments.types import Feedback, Task, Trajectory
from knowhow.memory.effects import Evidence, of_pairs
from knowhow.memory.fold import add
from knowhow.memory.promote import Rules, promotions
from knowhow.memory.store import Memory
from knowhow.memory.types import Item, Status
from knowhow.memory.withhold import drawn

KINDS = 6
UNAIDED = 0.1
"""Success without any lesson."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """``power`` in [-1, 1]: the share of tasks of its kind that it saves (or spoils, below 0) where it is shown."""

    kind: int
    power: float


def lessons(good: int, useless: int, harmful: int, harm: float) -> dict[str, Lesson]:
    sorts = {"good": (good, 0.95), "useless": (useless, 0.0), "harmful": (harmful, -harm)}
    return {f"{name}-{n}": Lesson(n % KINDS, power) for name, (count, power) in sorts.items() for n in range(count)}


def chance(kind: int, odds: Mapping[str, float], known: Mapping[str, Lesson]) -> float:
    """Success at a kind of task where each lesson is shown with probability ``odds``."""
    own = [(known[id].power, shown) for id, shown in odds.items() if known[id].kind == kind]
    lost = prod(1 - power * shown for power, shown in own if power > 0)
    return (1 - (1 - UNAIDED) * lost) * prod(1 + power * shown for power, shown in own if power < 0)


def truth(id: str, odds: Mapping[str, float], known: Mapping[str, Lesson]) -> float:
    """The effect of one lesson on all kinds of task, the others being shown with probability ``odds``."""
    kind = known[id].kind
    return (chance(kind, {**odds, id: 1.0}, known) - chance(kind, {**odds, id: 0.0}, known)) / KINDS


def episode(seed: int, luck: float, shown: set[str], withheld: set[str], known: Mapping[str, Lesson]) -> Trajectory:
    kind = seed % KINDS
    won = luck < chance(kind, dict.fromkeys(shown, 1.0), known)
    task = Task(f"t{seed}", "simulated", "train", str(kind), "")
    return Trajectory("e", task, seed, Feedback(""), reward=float(won), shown=(*shown,), withheld=(*withheld,))


def replay(
    seed: int, items: Mapping[str, Item], known: Mapping[str, Lesson], noise: float
) -> tuple[Trajectory, Trajectory]:
    """Two episodes of one task, each without the half of the candidates that the other one shows."""
    tested = {id for id, item in items.items() if item.status is Status.CANDIDATE}
    half = {id for id in tested if drawn(0.5, seed, id)}
    luck = [Random(child_seed(seed, part)).random() for part in ("shared", "one", "other")]
    own = Random(child_seed(seed, "noise")).random() < noise
    one, other = luck[1:] if own else (luck[0], luck[0])
    return (
        episode(seed, one, {*items} - half, half, known),
        episode(seed, other, {*items} - (tested - half), tested - half, known),
    )


@dataclass
class Tally:
    """The true effects that the evidence of each lesson was drawn from."""

    sums: dict[str, list[float]]

    def tell(self, items: Mapping[str, Item], known: Mapping[str, Lesson], pairs: int) -> None:
        odds = {id: 1.0 if item.status is Status.ACTIVE else 0.5 for id, item in items.items()}
        for id, item in items.items():
            if item.status is Status.CANDIDATE:
                self.sums.setdefault(id, []).extend([truth(id, odds, known)] * pairs)


def status(id: str, unproven: int) -> Status:
    """Good lessons were proven before, but for the first few."""
    return Status.ACTIVE if id.startswith("good") and int(id.rpartition("-")[2]) >= unproven else Status.CANDIDATE


def trial(
    seed: int, episodes: int, rounds: int, unproven: int, noise: float, rules: Rules, known: Mapping[str, Lesson]
) -> dict[str, Any]:
    """One memory of these lessons, put to the test."""
    tally, each = Tally({}), episodes // rounds // 2
    with TemporaryDirectory() as folder, Memory.open(Path(folder), create=True) as memory:
        memory.commit([add(Item(id, "lesson", id, status=status(id, unproven))) for id in known])
        for round in range(rounds):
            items = {item.id: item for item in memory.items()}
            tally.tell(items, known, each)
            pairs = [replay(child_seed(seed, round, number), items, known, noise) for number in range(each)]
            memory.commit(promotions(items, of_pairs(pairs), rules), note=f"round {round}")
        return _told(memory.journal.items(), tally)


def _told(items: Mapping[str, Item], tally: Tally) -> dict[str, Any]:
    def count(sort: str, *statuses: Status) -> int:
        return sum(id.startswith(sort) and item.status in statuses for id, item in items.items())

    rows = [(id, Evidence.of(items[id].effect), fmean(true)) for id, true in tally.sums.items()]
    within = [low <= true <= high for _, evidence, true in rows for low, high in [evidence.interval()]]
    effects = {
        sort: [(evidence.mean, true) for id, evidence, true in rows if id.startswith(sort)]
        for sort in ("good", "useless", "harmful")
    }
    return {
        "harmful_active": count("harmful", Status.ACTIVE),
        "harmful_still_shown": count("harmful", Status.ACTIVE, Status.CANDIDATE),
        "useless_retired": count("useless", Status.RETIRED),
        "useless_active": count("useless", Status.ACTIVE),
        "good_lost": count("good", Status.RETIRED),
        "good_active": count("good", Status.ACTIVE),
        "covered": fmean(within),
        "effects": effects,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=300, help="replayed episodes in all, half of them a pair")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--good", type=int, default=6)
    parser.add_argument("--useless", type=int, default=50)
    parser.add_argument("--harmful", type=int, default=20)
    parser.add_argument("--unproven", type=int, default=0, help="good lessons that are candidates themselves")
    parser.add_argument(
        "--noise", type=float, default=0.1, help="share of pairs in which each episode has its own luck"
    )
    parser.add_argument("--harm", type=float, default=0.5, help="share of its tasks that a harmful lesson spoils")
    parser.add_argument("--worth", type=float, default=0.1, help="the least effect that is worth an item's place")
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    known = lessons(options.good, options.useless, options.harmful, options.harm)
    shape = (options.episodes, options.rounds, options.unproven, options.noise, Rules(worth=options.worth))
    runs = [trial(seed, *shape, known) for seed in range(options.repeats)]
    means = {name: round(fmean(run[name] for run in runs), 3) for name in runs[0] if name != "effects"}
    pooled = {sort: [pair for run in runs for pair in run["effects"][sort]] for sort in runs[0]["effects"]}
    effects = {sort: [round(fmean(column), 3) for column in zip(*pairs, strict=True)] for sort, pairs in pooled.items()}
    everything = dict.fromkeys(known, 1.0) | {id: 0.0 for id in known if known[id].power <= 0}
    value = {id: round(truth(id, everything, known), 3) for id in known if known[id].power > 0}
    print(json.dumps({"a_run": means, "estimated_and_true": effects, "good_among_good": value, **vars(options)}))


if __name__ == "__main__":
    main()
