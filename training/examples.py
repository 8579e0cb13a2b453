"""From trajectories to examples to imitate: whole episodes, or one reply after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from knowhow.environments.types import Trajectory
from knowhow.training.provenance import source_of
from knowhow.training.replies import Weigh, alike, replies
from knowhow.training.selecting import counted
from knowhow.training.types import Data, Example

NOTHING = "none of its replies counts"


def whole(trajectory: Trajectory, weigh: Weigh = alike) -> Example:
    """The whole episode; each reply weighs what ``weigh(trajectory, step)`` says, and so little as 0 to be masked.

    Replies that were replayed, that led to no step or that held no usable call are masked in any case (``replies``).

    Raises: BadSetting where the task is of the test split, or a weight is negative.
    """
    weights = [0.0] * len(trajectory.messages)
    for reply in replies(trajectory, weigh):
        weights[reply.place] = reply.weight
    return Example(trajectory.messages, tuple(weights), source_of(trajectory), trajectory.tools, trajectory.samples)


def turns(trajectory: Trajectory, weigh: Weigh = alike) -> list[Example]:
    """One example for each reply that counts: all before it is context, and weighs 0. Raises: as ``whole``."""
    return [
        Example(
            messages=trajectory.messages[: reply.place + 1],
            weights=(*[0.0] * reply.place, reply.weight),
            source=source_of(trajectory, reply.step),
            tools=trajectory.tools,
            samples=trajectory.samples[: number + 1],
        )
        for number, reply in enumerate(replies(trajectory, weigh))
        if reply.weight
    ]


def trimmed(example: Example) -> Example:
    """The example without what comes after its last reply that counts, of which nothing is learned."""
    end = max((place + 1 for place, weight in enumerate(example.weights) if weight), default=0)
    messages = example.messages[:end]
    replies = sum(message["role"] == "assistant" for message in messages)
    return replace(example, messages=messages, weights=example.weights[:end], samples=example.samples[:replies])


def all_whole(trajectories: Sequence[Trajectory], weigh: Weigh = alike) -> Data[Example]:
    """The episodes whole, without those of which no reply counts. Raises: as ``whole``."""
    return _made(trajectories, partial(_whole, weigh=weigh))


def all_turns(trajectories: Sequence[Trajectory], weigh: Weigh = alike) -> Data[Example]:
    """The episodes by turn; those of which no reply counts are left out. Raises: as ``whole``."""
    return _made(trajectories, partial(turns, weigh=weigh))


def _made(trajectories: Sequence[Trajectory], make: Callable[[Trajectory], list[Example]]) -> Data[Example]:
    made = [make(trajectory) for trajectory in trajectories]
    empty = sum(not examples for examples in made)
    rows = tuple(example for examples in made for example in examples)
    return Data(rows, counted({NOTHING: empty}, "episodes"))


def _whole(trajectory: Trajectory, weigh: Weigh) -> list[Example]:
    example = whole(trajectory, weigh)
    return [example] if any(example.weights) else []
