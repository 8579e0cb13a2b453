"""What following a strategy came to, by kind of task, and the choice that follows: of those that hold the accuracy, the
cheapest (EGuR, arXiv 2511.11519, its Consolidator).

Each strategy draws its accuracy from its Beta posterior (Thompson sampling, arXiv 1707.02038), so that what was tried
little is tried; the draw is decided by the episode's seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from knowhow.environments.types import Trajectory
from knowhow.memory.types import Item, Scored

PRIOR = 2.0
"""How many episodes it weighs that a new strategy is taken to be as good as the best of them."""
HOPE = 0.5
"""What it is taken for at least."""
SLACK = 0.05
"""Accuracy that may be given up for a lower cost."""


@dataclass(frozen=True, slots=True)
class Track:
    """Sums over ``n`` episodes: rewards, model calls, tokens."""

    n: int = 0
    reward_sum: float = 0.0
    calls: int = 0
    tokens: int = 0

    @property
    def accuracy(self) -> float:
        """The mean reward in [0, 1], shrunk towards a half."""
        return (self.reward_sum + 1) / (self.n + 2)

    @property
    def cost(self) -> float | None:
        """Tokens an episode; None where nothing was tried."""
        return self.tokens / self.n if self.n else None

    def __str__(self) -> str:
        if not self.n:
            return "untried"
        rate = f"mean reward {self.reward_sum / self.n:.2f} in {self.n} episodes"
        return f"{rate}, {self.calls / self.n:.1f} calls and {self.tokens / self.n:,.0f} tokens each"


def records(item: Item) -> Mapping[str, Mapping[str, Any]]:
    """The sums by kind of task."""
    return item.data.get("record") or {}


def track(item: Item, kind: str) -> Track:
    return Track(**records(item).get(kind, {}))


def recorded(item: Item, followed: Sequence[Trajectory]) -> dict[str, dict[str, Any]]:
    """The item's record with these episodes, in which it was shown; those of unknown outcome say nothing."""
    record: dict[str, dict[str, Any]] = {kind: dict(sums) for kind, sums in records(item).items()}
    for one in followed:
        if one.reward is not None:
            sums = record.setdefault(one.task.kind, {"n": 0, "reward_sum": 0.0, "calls": 0, "tokens": 0})
            more = {"n": 1, "reward_sum": one.reward, "calls": one.usage.calls, "tokens": one.usage.tokens}
            record[one.task.kind] = {name: sums[name] + more[name] for name in sums}
    return record


def choose(items: Sequence[Item], kind: str, seed: int) -> list[Scored]:
    """The items in the order of choice: those whose draw is within ``SLACK`` of the best by cost, then the others by
    their draw. The same items and seed always give the same order."""
    tracks = {item.id: track(item, kind) for item in items}
    hope = max([HOPE, *(one.accuracy for one in tracks.values() if one.n)])
    cheapest = min((one.cost for one in tracks.values() if one.cost is not None), default=0.0)
    draws = {id: _draw(one, hope, Random(f"{seed}/{id}")) for id, one in tracks.items()}
    best = max(draws.values(), default=0.0)
    costs = {id: cheapest if one.cost is None else one.cost for id, one in tracks.items()}
    holds = {id: draw >= best - SLACK for id, draw in draws.items()}

    def place(item: Item) -> tuple[bool, float, float, str]:
        return not holds[item.id], costs[item.id] if holds[item.id] else 0.0, -draws[item.id], item.id

    return [Scored(item, best if holds[item.id] else draws[item.id]) for item in sorted(items, key=place)]


def _draw(one: Track, hope: float, rng: Random) -> float:
    return rng.betavariate(one.reward_sum + PRIOR * hope, one.n - one.reward_sum + PRIOR * (1 - hope))


def overall(item: Item) -> Track:
    """All kinds of task together."""
    every = [Track(**one) for one in records(item).values()]
    return Track(
        sum(one.n for one in every),
        sum(one.reward_sum for one in every),
        sum(one.calls for one in every),
        sum(one.tokens for one in every),
    )
