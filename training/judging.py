"""Replies with an outcome and no partner, as KTO takes them (arXiv 2402.01306)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Trajectory
from knowhow.memory.lineage import refuse_test
from knowhow.training.provenance import source_of
from knowhow.training.replies import replies
from knowhow.training.selecting import counted, deduplicated, ended, succeeded
from knowhow.training.types import Data, Judged

Drawn = TypeVar("Drawn")


def judged(trajectories: Sequence[Trajectory], *, cap: int = 0, balanced: bool = True, seed: int = 0) -> Data[Judged]:
    """Every reply that counts, after all before it, and whether its episode succeeded.

    ``cap`` is the most replies of an episode (0: all); each is there once; ``balanced`` leaves out as many good or
    bad ones as there are more of then; ``seed`` draws which ones. Episodes that an error or the budget cut off are left
    out: they say nothing.

    Raises: BadSetting for an episode of the test split, or whose reward is withheld.
    """
    refuse_test(trajectories)
    if cap < 0:
        raise BadSetting(f"the cap is {cap}; it is a number of replies an episode, or 0 for no cap")
    whole = ended(trajectories)
    every = [_replies(one) for one in whole.rows]
    capped = [_drawn(some, cap or len(some), Random(f"{seed}/{some[0].source.trajectory}")) for some in every if some]
    rows = [row for some in capped for row in some]
    over = counted({f"over the cap of {cap} an episode": sum(map(len, every)) - len(rows)}, "replies")
    unique = deduplicated(rows)
    kept = _balanced(unique.rows, Random(f"{seed}")) if balanced else unique.rows
    more = counted({"more of its outcome than of the other": len(unique.rows) - len(kept)}, "replies")
    return Data(tuple(kept), (*whole.dropped, *over, *unique.dropped, *more))


def _replies(trajectory: Trajectory) -> list[Judged]:
    good = succeeded(trajectory)
    return [
        Judged(
            prompt=trajectory.messages[: reply.place],
            reply=trajectory.messages[reply.place],
            good=good,
            source=source_of(trajectory, reply.step),
            tools=trajectory.tools,
        )
        for reply in replies(trajectory)
        if reply.weight
    ]


def _balanced(rows: Sequence[Judged], random: Random) -> list[Judged]:
    good = [place for place, row in enumerate(rows) if row.good]
    bad = [place for place, row in enumerate(rows) if not row.good]
    least = min(len(good), len(bad))
    return [rows[place] for place in sorted([*_drawn(good, least, random), *_drawn(bad, least, random)])]


def _drawn(some: Sequence[Drawn], most: int, random: Random) -> list[Drawn]:
    """At most so many of them, in their order."""
    return [some[place] for place in sorted(random.sample(range(len(some)), min(most, len(some))))]
