"""Many episodes of a suite in one process: is anything left behind, and what does a killed engine cost?

    python -m knowhow.evals.benches.soak --suite alfworld --episodes 200 --concurrency 8
    python -m knowhow.evals.benches.soak --suite scienceworld --episodes 100 --kill 3

Every other episode follows the oracle, where it knows the task; the rest are the novice's, who leaves in the middle.
What this process and those below it hold (``soaking/footprint.py``) is looked at all along, once as many episodes are
done as play at a time: ``growth`` has the medians of the first half of the looks and of the second. With ``--kill`` so
many engines (a browser, a Java program, a process forked for an episode) are killed at even distances; ``retried``
counts the episodes that were played again for that. Prints one JSON object. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from knowhow.agents.episode import Agent, play
from knowhow.agents.metering import Meter
from knowhow.agents.model import load_model
from knowhow.agents.rollout import Job
from knowhow.agents.types import Start
from knowhow.environments.conformance.evidence import in_one_line
from knowhow.environments.types import StopReason, Suite, ToolCall, Trajectory
from knowhow.evals.benches.soaking.footprint import Footprint, descendants, footprint, growth
from knowhow.evals.benches.soaking.killing import kill_an_engine
from knowhow.evals.benches.soaking.players import following, leaving, oracle_calls
from knowhow.evals.stage import open_suite
from knowhow.evals.stats import wilson
from knowhow.evals.tasks import draw, jobs

LOOKS = 100
SETTLE_S = 0.3
"""After an episode ended, before an engine is killed: by then, those that are there are at work."""


@dataclass
class Tally:
    """What came of the episodes so far."""

    suite: Suite
    episodes: int
    concurrency: int
    kills: int
    done: int = 0
    killed: int = 0
    retried: int = 0
    steps: int = 0
    oracle: list[bool] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    looks: list[Footprint] = field(default_factory=list)
    before: frozenset[int] = field(default_factory=lambda: frozenset(descendants(os.getpid())))
    """The processes that were there already: they are not the suite's to lose."""

    def count(self, trajectory: Trajectory, *, by_oracle: bool) -> None:
        self.done += 1
        self.retried += trajectory.attempts > 1
        self.steps += len(trajectory.steps)
        if by_oracle:
            self.oracle.append(trajectory.success)
        if trajectory.stop is StopReason.ERROR:
            self.errors[trajectory.error] += 1
        if self.concurrency < self.done <= self.episodes - self.concurrency and self._is_turn(LOOKS):
            gc.collect()
            self.looks.append(footprint())
        if self.kills and self._is_turn(self.kills + 1) and self.done < self.episodes:
            asyncio.get_running_loop().call_later(SETTLE_S, self._kill)

    async def ask_oracle(self, job: Job) -> Sequence[ToolCall] | None:
        """Its calls; none where it fails, which is an error, and an episode that it loses."""
        try:
            return await oracle_calls(self.suite, job)
        except Exception as error:
            self.errors[f"the oracle: {in_one_line(error)}"] += 1
            return ()

    def _is_turn(self, times: int) -> bool:
        """Is this one of so many episodes at even distances?"""
        return self.done * times // self.episodes > (self.done - 1) * times // self.episodes

    def _kill(self) -> None:
        self.killed += kill_an_engine(Random(self.done), self.before)

    def figures(self, seconds: float) -> dict[str, Any]:
        won, of = sum(self.oracle), len(self.oracle)
        return {
            "suite": self.suite.name,
            "episodes": self.done,
            "concurrency": self.concurrency,
            "steps": self.steps,
            "seconds": round(seconds, 1),
            "oracle": {"won": won, "of": of, "ci95": [round(bound, 4) for bound in wilson(won, of)]},
            "killed": self.killed,
            "retried": self.retried,
            "errors": dict(self.errors),
            "growth": growth(self.looks) if len(self.looks) > 1 else {},
        }


async def soak(suite: Suite, episodes: int, concurrency: int = 8, steps: int = 25, kills: int = 0) -> dict[str, Any]:
    """Play that many training tasks, so many at a time; ``steps`` is when the novice leaves."""
    tally, began = Tally(suite, episodes, concurrency, kills), time.perf_counter()
    todo = iter(jobs(draw(suite, "train", episodes, 0), 0))
    novice = load_model("novice", meter=Meter())
    wanderer = Agent(leaving(novice, steps), novice.meter)

    async def work() -> None:
        for job in todo:
            calls = await tally.ask_oracle(job) if job.index % 2 == 0 else None
            agent = wanderer if calls is None else replace(wanderer, decide=following(calls))
            tally.count(await play(suite, agent)(job.task, Start(job.seed)), by_oracle=calls is not None)

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work())
    return tally.figures(time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--suite", default="household", help="a name, with settings as in 'scienceworld(\"boil\")'")
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--steps", type=int, default=25, help="after which the novice leaves")
    parser.add_argument("--kill", type=int, default=0, nargs="?", const=1, help="engines to kill")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        tempfile.tempdir = os.environ["TMPDIR"] = folder  # what is left there is of this process alone
        suite = open_suite(options.suite)
        print(json.dumps(asyncio.run(soak(suite, options.episodes, options.concurrency, options.steps, options.kill))))


if __name__ == "__main__":
    main()
