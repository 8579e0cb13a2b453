"""LEAP: a teacher that knows the hidden state corrects the student's own episodes (arXiv 2410.05434).

First the corrected steps of failures are imitated, together with the successes, then they are preferred to what the
student did there. The teacher is the suite's oracle, and the world itself proves every correction
(``training/correcting.py``): another call after the student's own words. A teacher who knows too much asks for what the
student cannot know, a way past every drawer that it would have to open; so a correction that is too improbable to the
student itself, beside what it did, is left out, and with it one that its words speak against.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import exp, inf
from random import Random
from typing import Any

from knowhow.environments.discover import at_least, positive
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite, ToolCall, Trajectory
from knowhow.memory.lineage import refuse_test
from knowhow.training.apart import wait_for
from knowhow.training.correcting import Correction, corrected, decisions, wins
from knowhow.training.examples import turns, whole
from knowhow.training.imitating import imitate
from knowhow.training.preferring import prefer
from knowhow.training.provenance import source_of
from knowhow.training.recipe import Job, Work
from knowhow.training.replies import Reply, deeds
from knowhow.training.selecting import counted, deduplicated, ended, succeeded
from knowhow.training.settings import Tuning
from knowhow.training.stages import in_stages
from knowhow.training.types import Data, Example, Message, Pair

TEACHER = "oracle"
Corrected = Example | Pair
"""What the student did as the teacher would have done, a step or an episode; or else a step of both as a pair."""


@dataclass(frozen=True)
class Leap:
    """``cap``: the most steps of a failure that are corrected, drawn by ``seed`` (0: all). Successes are imitated as
    they are: corrections alone would teach no more than how to get out of failures. ``least``: the least probability
    that the student gives to a correction, as a share of that of what it did. ``rounds`` of preference follow the
    imitation, each from the one before; every stage takes the steps that the tuning says."""

    cap: int = 8
    least: float = 0.1
    rounds: int = 1
    beta: float = 0.1
    seed: int = 0
    suite: Suite | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        at_least(0, cap=self.cap, rounds=self.rounds)
        positive(beta=self.beta)
        if not 0 <= self.least < 1:
            raise BadSetting(f"least={self.least} must be a share of a probability, from 0 to below 1")

    def in_suite(self, suite: Suite | None) -> Leap:
        if suite is None or type(suite).oracle is Suite.oracle:
            raise BadSetting(f"leap needs a suite with an oracle, and {suite.name if suite else 'no suite'} has none")
        return replace(self, suite=suite)

    def examples(self, trajectories: Sequence[Trajectory]) -> Data[Corrected]:
        """The episodes' steps with the teacher's calls. Raises: BadSetting without a suite, or for a test task."""
        refuse_test(trajectories)
        if self.suite is None:
            raise BadSetting("leap needs the suite that the episodes were played in")
        played = ended(trajectories)
        made = wait_for(self._all_taught(self.suite, played.rows))
        left = Counter(why for why in made if isinstance(why, str))
        unique = deduplicated([row for rows in made if not isinstance(rows, str) for row in rows])
        return Data(unique.rows, (*played.dropped, *counted(left, "episodes"), *unique.dropped))

    async def _all_taught(self, suite: Suite, episodes: Sequence[Trajectory]) -> list[list[Corrected] | str]:
        return [await self._taught(suite, one) for one in episodes]

    async def _taught(self, suite: Suite, one: Trajectory) -> list[Corrected] | str:
        """The rows of an episode, or why there are none."""
        if succeeded(one):
            return [whole(one)]
        solution = suite.oracle(one.task, seed=one.seed)
        if not solution or not await wins(suite, one.task, one.seed, solution):
            return "the oracle knows no way"
        found = await corrected(suite, one, solution, self._drawn(one))
        return [_row(one, correction) for correction in found] or "no correction wins any more"

    def _drawn(self, one: Trajectory) -> list[Reply]:
        every = decisions(one)
        most = min(self.cap or len(every), len(every))
        return [every[at] for at in sorted(Random(f"{self.seed}/{one.id}").sample(range(len(every)), most))]

    def train(self, job: Job, data: Data[Corrected]) -> Mapping[str, Any]:
        likely, told = realisable(job, data.rows, self.least)
        apart = [row for row in likely if isinstance(row, Pair)]
        first = partial(imitate, examples=[to_imitate(row) for row in likely])
        then = partial(prefer, pairs=apart, beta=self.beta, losses=("sigmoid", "sft"))
        return {**in_stages(job, [first, *[then] * (self.rounds if apart else 0)]), **told}

    def work(self, tuning: Tuning, data: Data[Corrected], suite: Suite | None) -> Work:
        """Every stage takes as many updates as the tuning says; those of preference read three sequences a row."""
        pairs = [row for row in data.rows if isinstance(row, Pair)]
        first, then = tuning.updates(len(data.rows)), tuning.updates(len(pairs)) if pairs else 0
        return Work(first + self.rounds * then, 1 if not pairs else 2)


def realisable(job: Job, rows: Sequence[Corrected], least: float) -> tuple[list[Corrected], dict[str, int]]:
    """The rows without the corrections to which the student gives less than ``least`` of the probability of what it
    did, and how many were left out.

    Raises: BadSetting where none is left.
    """
    from knowhow.training.scoring import log_likelihoods
    from knowhow.training.tuning import open_base, with_adapter

    model, tokenizer = open_base(job.base)
    if job.start is not None:
        model = with_adapter(model, job.tuning, job.start)
    pairs = [row for row in rows if isinstance(row, Pair)]
    made = [to_imitate(row, reply) for row in pairs for reply in (row.chosen, row.rejected)]
    scores = log_likelihoods(model.eval(), tokenizer, made, job.tuning.longest)
    shares = [_share(*two) for two in zip(scores[::2], scores[1::2], strict=True)]
    beyond = {id(row) for row, share in zip(pairs, shares, strict=True) if share < least or not share}
    kept = [row for row in rows if id(row) not in beyond]
    if not kept:
        raise BadSetting(
            f"the student gives none of {len(pairs)} corrections {least:g} of the probability of what it did; "
            "lower least"
        )
    return kept, {"corrections": len(pairs) - len(beyond), "agreed": len(rows) - len(pairs), "unlikely": len(beyond)}


def _share(chosen: float, rejected: float) -> float:
    """Of log-probabilities: the first one's probability in the second one's; 0 where there is no telling."""
    return 0.0 if -inf in (chosen, rejected) else exp(min(chosen - rejected, 0.0))


def to_imitate(row: Corrected, reply: Message | None = None) -> Example:
    """A reply, by default the teacher's, after the student's episode so far."""
    if isinstance(row, Example):
        return row
    return Example((*row.prompt, reply or row.chosen), (*[0.0] * len(row.prompt), 1.0), row.source, row.tools)


def _row(one: Trajectory, correction: Correction) -> Corrected:
    reply, said = correction.reply, one.messages[correction.reply.place]
    taught = _reply(correction.call, said)
    if deeds(said)[:1] == deeds(taught):
        return next(turn for turn in turns(one) if turn.source.step == reply.step)
    source = source_of(one, reply.step)
    return Pair(one.messages[: reply.place], taught, said, replace(source, model=TEACHER), source, one.tools)


def _reply(call: ToolCall, said: Message) -> Message:
    function = {"name": call.name, "arguments": json.dumps(dict(call.arguments))}
    made = {"type": "function", "id": TEACHER, "function": function}
    return {"role": "assistant", "content": said.get("content") or "", "tool_calls": [made]}
