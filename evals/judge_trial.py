"""A judge put to the test: finished episodes whose outcome is known, alone and in pairs, each pair in both orders."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from random import Random
from typing import Any

from knowhow.agents.judge import Judge, Verdict, judged
from knowhow.agents.seeds import child_seed
from knowhow.environments.errors import BudgetExceeded
from knowhow.environments.types import StopReason, Trajectory
from knowhow.evals.judging import Cells, Orders, agreement, position, preference

Pair = tuple[Trajectory, Trajectory]


async def try_judge(
    judge: Judge, episodes: Sequence[Trajectory], own: str, *, n: int = 100, seed: int = 0, at_once: int = 8
) -> dict[str, Any]:
    """At most ``n`` episodes and ``n`` pairs of each sort, drawn by ``seed``; ``own`` is the URI of the judge's model.

    What the budget kept from being asked is counted as ``unasked``. A part is None where there is nothing to ask about.
    """
    able = [one for one in episodes if one.stop is not StopReason.ERROR]
    alone = Random(seed).sample(able, min(n, len(able)))
    mixed = pairs(able, lambda one: one.success, lambda one: "", n, seed)
    alike = pairs(able, lambda one: same_model(one.model, own), lambda one: one.success, n, seed)
    gate = asyncio.Semaphore(at_once)

    async def ask(*attempts: Trajectory) -> Verdict | None:
        async with gate:
            try:
                return await judged(judge, attempts[0].task, attempts, seed=child_seed(seed, attempts[0].id))
            except BudgetExceeded:
                return None

    async def ask_both(pair: Pair) -> tuple[Verdict | None, Verdict | None]:
        one, other = await asyncio.gather(ask(*pair), ask(*reversed(pair)))
        return one, other

    singles = await asyncio.gather(*map(ask, alone))
    told = [await asyncio.gather(*map(ask_both, some)) for some in (mixed, alike)]
    return {
        "agreement": _agreement(alone, singles),
        "position": position(Orders.of(_places(told[0]))) if _places(told[0]) else None,
        "self_preference": preference(Orders.of(_places(told[1]))) if _places(told[1]) else None,
        "unasked": [*singles, *(verdict for some in told for both in some for verdict in both)].count(None),
    }


def pairs(
    episodes: Sequence[Trajectory],
    is_one: Callable[[Trajectory], bool],
    alike: Callable[[Trajectory], Hashable],
    n: int,
    seed: int,
) -> list[Pair]:
    """At most ``n`` pairs of the same task, the first of which ``is_one`` and the second is not, that agree in
    ``alike``; no episode is in two of them."""
    source = Random(seed)
    sorts = defaultdict[Hashable, tuple[list[Trajectory], list[Trajectory]]](lambda: ([], []))
    for episode in source.sample(episodes, len(episodes)):
        ones, others = sorts[(episode.task.suite, episode.task.id, alike(episode))]
        (ones if is_one(episode) else others).append(episode)
    found = [pair for ones, others in sorts.values() for pair in zip(ones, others, strict=False)]
    return source.sample(found, min(n, len(found)))


def same_model(one: str, other: str) -> bool:
    """Whether two URIs name one model, whatever their options."""
    return one.partition("?")[0] == other.partition("?")[0]


def _agreement(alone: Sequence[Trajectory], verdicts: Sequence[Verdict | None]) -> dict[str, Any] | None:
    known = [(one, verdict) for one, verdict in zip(alone, verdicts, strict=True) if verdict is not None]
    if not known:
        return None
    cells = Cells.of([verdict.achieved for _, verdict in known], [one.success for one, _ in known])
    return {**agreement(cells), "unreadable": sum(verdict.undecided for _, verdict in known)}


def _places(told: Sequence[tuple[Verdict | None, Verdict | None]]) -> list[tuple[int | None, int | None]]:
    """The places taken in each pair that was asked in both orders."""
    return [(_place(one), _place(other)) for one, other in told if one is not None and other is not None]


def _place(verdict: Verdict) -> int | None:
    return None if verdict.undecided else verdict.best
