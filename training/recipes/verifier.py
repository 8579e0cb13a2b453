"""V-STaR: right and wrong attempts train a verifier (arXiv 2402.06457), which ``verified(by=...)`` picks the best of n
by.

The verifier is an adapter that answers whether an attempt succeeded (``agents/verifying.py``): as a generative verifier
(arXiv 2408.15240) it is trained and served like any other adapter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from knowhow.agents.verifying import NO, YES, question
from knowhow.environments.types import Trajectory
from knowhow.memory.lineage import refuse_test
from knowhow.training.imitating import imitate
from knowhow.training.provenance import source_of
from knowhow.training.recipe import Job
from knowhow.training.selecting import counted, deduplicated, ended, succeeded
from knowhow.training.types import Data, Example


@dataclass(frozen=True)
class Verifier:
    """``balanced``: as many attempts that failed as succeeded; ``seed`` draws which ones."""

    balanced: bool = True
    seed: int = 0
    judges = True

    def examples(self, trajectories: Sequence[Trajectory]) -> Data[Example]:
        refuse_test(trajectories)
        whole = ended(trajectories)
        made = deduplicated([_asked(one) for one in whole.rows])
        kept = self._balanced(made.rows)
        left = counted({"more of its outcome than of the other": len(made.rows) - len(kept)}, "rows")
        return Data(kept, (*whole.dropped, *made.dropped, *left))

    def train(self, job: Job, data: Data[Example]) -> Mapping[str, Any]:
        return imitate(job, data.rows)

    def _balanced(self, rows: Sequence[Example]) -> tuple[Example, ...]:
        won, lost = ([one for one in rows if (one.messages[-1]["content"] == YES) is said] for said in (True, False))
        least, dice = min(len(won), len(lost)), Random(self.seed)
        if not self.balanced:
            return tuple(rows)
        drawn = {id(one) for some in (won, lost) for one in dice.sample(some, least)}
        return tuple(one for one in rows if id(one) in drawn)


def _asked(trajectory: Trajectory) -> Example:
    answer = YES if succeeded(trajectory) else NO
    messages = ({"role": "user", "content": question(trajectory)}, {"role": "assistant", "content": answer})
    return Example(messages, (0.0, 1.0), source_of(trajectory))
