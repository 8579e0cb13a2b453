"""Junk among good lessons: ``python -m knowhow.evals.benches.junk``.

50 useless and 20 harmful lessons are planted as candidates among 6 good ones, proven before, in a real memory. A
simulated agent, whose lessons' effects are known, is replayed, up to 300 episodes in all, as ``evals/prove.py`` does
it: while there seems to be little room for improvement without the candidates, in episodes that go without them all,
else in pairs; after each round statuses follow. A harmful lesson spoils, and a good one saves, a share of the tasks of
one kind.

Prints one JSON object, with means over the repetitions: how many harmful lessons are active or still shown, how many
useless ones were retired, how many good ones were lost. ``pairs_alone`` is the same with pairs only; for these it gives
estimated against true effects (the truth changes as other lessons go: it is the mean over the pairs played), and the
share of intervals that hold the truth. ``--variations`` prints one line for each of some other worlds, among them those
in which there is room: it is where nothing is lost, and less junk goes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import prod
from pathlib import Path
from random import Random
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from knowhow.agents.seeds import child_seed
from knowhow.environments.types import Feedback, Task, Trajectory
from knowhow.memory.fold import add
from knowhow.memory.promote import Rules, promotions
from knowhow.memory.proof.effects import Evidence, of_pairs
from knowhow.memory.proof.predict import Predictions
from knowhow.memory.proof.room import of_spared, to_spare
from knowhow.memory.proof.withhold import drawn
from knowhow.memory.store import Memory
from knowhow.memory.types import Item, Status

UNAIDED = 0.1
"""Success without any lesson."""


@dataclass(frozen=True, slots=True)
class World:
    """The shares of their kind's tasks that good lessons save (``aid``) and harmful ones spoil (``harm``); ``noise``
    is the share of pairs in which each episode has its own luck, ``unproven`` the good lessons that are candidates
    themselves, ``worth`` the least effect that is worth an item's place."""

    good: int = 6
    useless: int = 50
    harmful: int = 20
    kinds: int = 6
    aid: float = 0.95
    harm: float = 0.5
    noise: float = 0.1
    unproven: int = 0
    worth: float = 0.1
    episodes: int = 300
    rounds: int = 15


VARIATIONS: Mapping[str, Mapping[str, Any]] = {
    "little harm": {"harm": 0.2},
    "much harm": {"harm": 0.9},
    "no noise": {"noise": 0.0},
    "all noise": {"noise": 1.0},
    "3 kinds": {"kinds": 3},
    "12 kinds, 12 good": {"kinds": 12, "good": 12},
    "good lessons never fail": {"aid": 1.0},
    "good lessons save 0.9": {"aid": 0.9},
    "good lessons save 0.8": {"aid": 0.8},
    "one kind without a good lesson": {"good": 5},
    "2 of 6 good unproven": {"unproven": 2},
    "all good unproven": {"unproven": 6},
    "all good unproven, 2,000 episodes": {"unproven": 6, "episodes": 2000},
    "half the episodes": {"episodes": 150},
    "4 rounds": {"rounds": 4},
    "worth 0.05": {"worth": 0.05},
}


@dataclass(frozen=True, slots=True)
class Lesson:
    """``power`` in [-1, 1]: the share of tasks of its kind that it saves (or spoils, below 0) where it is shown."""

    kind: int
    power: float


def lessons(world: World) -> dict[str, Lesson]:
    sorts = {"good": (world.good, world.aid), "useless": (world.useless, 0.0), "harmful": (world.harmful, -world.harm)}
    return {
        f"{sort}-{number}": Lesson(number % world.kinds, power)
        for sort, (count, power) in sorts.items()
        for number in range(count)
    }


def chance(kind: int, odds: Mapping[str, float], known: Mapping[str, Lesson]) -> float:
    """Success at a kind of task where each lesson is shown with probability ``odds``."""
    own = [(known[id].power, shown) for id, shown in odds.items() if known[id].kind == kind]
    lost = prod(1 - power * shown for power, shown in own if power > 0)
    return (1 - (1 - UNAIDED) * lost) * prod(1 + power * shown for power, shown in own if power < 0)


def truth(id: str, odds: Mapping[str, float], known: Mapping[str, Lesson], kinds: int) -> float:
    """The effect of one lesson on all kinds of task, the others being shown with probability ``odds``."""
    kind = known[id].kind
    return (chance(kind, {**odds, id: 1.0}, known) - chance(kind, {**odds, id: 0.0}, known)) / kinds


def luck(seed: int, noise: float) -> tuple[float, float]:
    """That of the two episodes of a pair: mostly the same, as where a seed decides everything."""
    shared, one, other = (Random(child_seed(seed, part)).random() for part in ("shared", "one", "other"))
    return (one, other) if Random(child_seed(seed, "noise")).random() < noise else (shared, shared)


@dataclass
class Trial:
    """One memory of lessons put to the test. ``true`` collects the effects that the evidence of each was drawn from."""

    world: World
    seed: int
    spares: bool
    known: Mapping[str, Lesson]
    predicted: Predictions = field(default_factory=Predictions)
    rewards: list[list[float]] = field(default_factory=list)
    true: dict[str, list[float]] = field(default_factory=dict)

    def run(self, memory: Memory) -> dict[str, Item]:
        """The items after all rounds."""
        world, rules = self.world, Rules(worth=self.world.worth)
        memory.commit([add(Item(id, "lesson", id, status=status(id, world.unproven))) for id in self.known])
        replays = world.episodes // world.rounds
        for round in range(world.rounds):
            items = {item.id: item for item in memory.items()}
            spare = to_spare(self.rewards, replays, world.worth) if self.spares else 0
            spared = [self._spared(items, child_seed(self.seed, "spared", round, n)) for n in range(spare)]
            pairs = [self._pair(items, child_seed(self.seed, round, n)) for n in range((replays - spare) // 2)]
            self._tell(items, len(pairs))
            self.rewards.append([one.reward or 0.0 for one in spared])
            edits = promotions(items, of_pairs(pairs, self.predicted), rules, of_spared(spared))
            memory.commit(edits, note=f"round {round}")
        return memory.journal.items()

    def _spared(self, items: Mapping[str, Item], seed: int) -> Trajectory:
        return self._episode(seed, luck(seed, 1.0)[0], items, on_trial(items))

    def _pair(self, items: Mapping[str, Item], seed: int) -> tuple[Trajectory, Trajectory]:
        """Two episodes of one task, each without the half of the candidates that the other one shows."""
        one, other = luck(seed, self.world.noise)
        half = {id for id in on_trial(items) if drawn(0.5, seed, id)}
        return self._episode(seed, one, items, half), self._episode(seed, other, items, on_trial(items) - half)

    def _episode(self, seed: int, luck: float, items: Mapping[str, Item], withheld: set[str]) -> Trajectory:
        kind, shown = seed % self.world.kinds, {*items} - withheld
        won = luck < chance(kind, dict.fromkeys(shown, 1.0), self.known)
        task = Task(f"t{seed}", "simulated", "train", str(kind), "")
        return Trajectory("e", task, seed, Feedback(""), reward=float(won), shown=(*shown,), withheld=(*withheld,))

    def _tell(self, items: Mapping[str, Item], pairs: int) -> None:
        odds = {id: 1.0 if item.status is Status.ACTIVE else 0.5 for id, item in items.items()}
        for id in on_trial(items):
            self.true.setdefault(id, []).extend([truth(id, odds, self.known, self.world.kinds)] * pairs)


def on_trial(items: Mapping[str, Item]) -> set[str]:
    return {id for id, item in items.items() if item.status is Status.CANDIDATE}


def status(id: str, unproven: int) -> Status:
    """Good lessons were proven before, but for the first few."""
    return Status.ACTIVE if id.startswith("good") and int(id.rpartition("-")[2]) >= unproven else Status.CANDIDATE


def trial(world: World, seed: int, spares: bool) -> dict[str, Any]:
    """What became of the lessons in one memory."""
    made = Trial(world, seed, spares, lessons(world))
    with TemporaryDirectory() as folder, Memory.open(Path(folder), create=True) as memory:
        items = made.run(memory)

    def count(sort: str, *statuses: Status) -> int:
        return sum(id.startswith(sort) and item.status in statuses for id, item in items.items())

    rows = [(id, Evidence.of(items[id].effect), fmean(true)) for id, true in made.true.items() if true]
    return {
        "harmful_active": count("harmful", Status.ACTIVE),
        "harmful_still_shown": count("harmful", Status.ACTIVE, Status.CANDIDATE),
        "useless_retired": count("useless", Status.RETIRED) / world.useless,
        "useless_active": count("useless", Status.ACTIVE),
        "good_lost": count("good", Status.RETIRED),
        "good_active": count("good", Status.ACTIVE),
        "effects": [(id.partition("-")[0], evidence, true) for id, evidence, true in rows],
    }


def shares(world: World, repeats: int, spares: bool) -> tuple[dict[str, float], list[tuple[str, Evidence, float]]]:
    """Means over the repetitions, and every lesson's evidence with its true effect."""
    runs = [trial(world, seed, spares) for seed in range(repeats)]
    means = {name: round(fmean(run[name] for run in runs), 3) for name in runs[0] if name != "effects"}
    return means, [row for run in runs for row in run["effects"]]


def figures(world: World, repeats: int) -> dict[str, Any]:
    alone, rows = shares(world, repeats, spares=False)
    effects = {sort: _means(rows, sort) for sort in sorted({sort for sort, _, _ in rows})}
    within = [low <= true <= high for _, evidence, true in rows for low, high in [evidence.interval()]]
    told = {"estimated_and_true": effects, "covered": round(fmean(within), 4)}
    known = lessons(world)
    among = {id: float(lesson.power > 0) for id, lesson in known.items()}
    value = {id: round(truth(id, among, known, world.kinds), 3) for id in known if known[id].power > 0}
    return {
        "a_run": shares(world, repeats, spares=True)[0],
        "pairs_alone": alone | told,
        "good_among_good": value,
        **asdict(world),
        "repeats": repeats,
    }


def _means(rows: Sequence[tuple[str, Evidence, float]], sort: str) -> list[float]:
    own = [(evidence.mean, true) for one, evidence, true in rows if one == sort]
    return [round(fmean(column), 3) for column in zip(*own, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in asdict(World()).items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--variations", action="store_true", help="other worlds too, one line each")
    options = vars(parser.parse_args())
    repeats, variations = options.pop("repeats"), options.pop("variations")
    world = World(**options)
    print(json.dumps(figures(world, repeats)))
    for name, changed in (VARIATIONS if variations else {}).items():
        print(json.dumps({"variation": name, **shares(replace(world, **changed), repeats, spares=True)[0]}), flush=True)


if __name__ == "__main__":
    main()
