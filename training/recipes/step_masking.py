"""STeP: wrong steps stay in the context and out of the loss (arXiv 2505.20023).

The agent sees its mistakes and learns how it got out of them, but does not learn to make them. A step counts as wrong
where it led nowhere: where what can be done afterwards is what could be done before it, or before one of the steps
since then, so that all of these were a detour. STeP's reflections are written in at the reply that follows.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from knowhow.environments.discover import at_least
from knowhow.environments.types import Feedback, Trajectory
from knowhow.training.examples import all_whole
from knowhow.training.imitating import imitate
from knowhow.training.recipe import Job
from knowhow.training.replies import replies
from knowhow.training.selecting import deduplicated, successes
from knowhow.training.types import Data, Example, Message

REFLECTION = "That led nowhere, so I try something else."


@dataclass(frozen=True)
class StepMasking:
    """``cap`` as in ``sft``; ``reflect``: write a reflection into the reply after a detour."""

    cap: int = 4
    reflect: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(0, cap=self.cap)

    def examples(self, trajectories: Sequence[Trajectory]) -> Data[Example]:
        won = successes(trajectories, cap=self.cap, seed=self.seed)
        told = Data(tuple(map(reflected, won.rows)), won.dropped) if self.reflect else won
        return told.then(lambda kept: all_whole(kept, good)).then(deduplicated)

    def train(self, job: Job, data: Data[Example]) -> Mapping[str, Any]:
        return imitate(job, data.rows)


def good(trajectory: Trajectory, step: int) -> float:
    """1 for a step that led on, 0 for one of a detour."""
    return float(step not in detours(trajectory))


def detours(trajectory: Trajectory) -> frozenset[int]:
    """The steps of which the state afterwards was there before, and all since then."""
    states = [_state(trajectory.first), *(_state(step.feedback) for step in trajectory.steps)]
    first: dict[Hashable, int] = {}
    wrong: set[int] = set()
    for place, state in enumerate(states):
        if state in first:
            wrong.update(range(first[state], place))
        else:
            first[state] = place
    return frozenset(wrong)


def reflected(trajectory: Trajectory) -> Trajectory:
    """The episode with a reflection before each reply that ends a detour; its samples go, since they say no such
    thing."""
    wrong = detours(trajectory)
    after = {reply.place for reply in replies(trajectory) if reply.step is not None and _ends(reply.step, wrong)}
    told = tuple(_with_reflection(one) if place in after else one for place, one in enumerate(trajectory.messages))
    return replace(trajectory, messages=told, samples=())


def _ends(step: int, wrong: frozenset[int]) -> bool:
    return step not in wrong and step - 1 in wrong


def _with_reflection(message: Message) -> Message:
    content = message.get("content") or ""
    return {**message, "content": f"{REFLECTION} {content}".strip()}


def _state(feedback: Feedback) -> Hashable:
    """What can be done, where the world says that; else what it said."""
    return feedback.observation if feedback.commands is None else frozenset(feedback.commands)
