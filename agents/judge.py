"""A model judges attempts without labels: which one most likely did what the task asks, and whether it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from knowhow.agents.transcript import transcript
from knowhow.agents.types import Decider
from knowhow.environments.discover import build
from knowhow.environments.types import Task, Trajectory

JUDGES = "knowhow.agents.judges"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``best`` is an index into the attempts; ``achieved`` whether that one is believed to have done the task, and
    ``score``, in [0, 1], how far.

    ``undecided``: no attempt stood out, because several scored alike or the model's reply could not be read; ``best``
    is then the first of them.
    """

    best: int
    achieved: bool
    score: float
    undecided: bool = False


class Judge(Protocol):
    """Judges attempts at one goal, each told as text. ``seed`` makes a verdict repeatable where the model honours
    it."""

    async def __call__(self, goal: str, attempts: Sequence[str], *, seed: int = 0) -> Verdict: ...


def judge_of(specification: str, ask: Decider) -> Judge:
    """The judge that a specification such as ``overall`` or ``checklist(most=6)`` makes of a model.

    Raises: UnknownName with the nearest matches, BadSetting where the settings do not fit.
    """
    made: Judge = build(JUDGES, specification, ask)
    return made


async def judged(judge: Judge, task: Task, attempts: Sequence[Trajectory], *, seed: int = 0) -> Verdict:
    """The verdict over episodes; nothing that tells their labels reaches the judge."""
    return await judge(task.goal, [transcript(_unlabelled(one)) for one in attempts], seed=seed)


def _unlabelled(attempt: Trajectory) -> Trajectory:
    return attempt if attempt.reward is None else attempt.without_labels()
