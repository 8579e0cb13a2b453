"""A round's episodes as a knapsack: more rollouts for the tasks where they are worth most, none where nothing is to be
learned (Knapsack RL, arXiv 2509.25849).

The worth of k rollouts of a task that succeeds with the chance p is the chance that some succeed and some fail, times
p(1 - p)^2, about what one step of learning gains. Where the source puts the measured rate for p, this takes the mean
over what p may be: the task's own few episodes, and those of its kind, leave that open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import prod

from knowhow.environments.curricula import Ask, Choice, Fresh, Outcome, Progress, Rate, recent_rates
from knowhow.environments.discover import at_least
from knowhow.environments.types import Suite, Task

_KIND_COUNTS = 2.0
"""How many episodes of a task's own the record of its kind counts as."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What a task's chance to succeed may be: a Beta distribution of so many successes and failures, each over 0."""

    good: float
    bad: float

    def moment(self, successes: int, failures: int) -> float:
        """The chance of a given row of so many further successes and failures: the mean of p^successes
        (1 - p)^failures."""
        rising = prod(self.good + n for n in range(successes)) * prod(self.bad + n for n in range(failures))
        return rising / prod(self.good + self.bad + n for n in range(successes + failures))


@dataclass(frozen=True)
class Knapsack:
    """``most`` rollouts a task and round; ``gain=False`` counts tasks with both outcomes, without what they gain."""

    tasks: Sequence[Task]
    suite: Suite
    ask: Ask
    most: int = 8
    gain: bool = True
    labels = True

    def __post_init__(self) -> None:
        at_least(2, most=self.most)

    async def next(self, count: int, progress: Progress) -> Choice:
        fresh = Fresh(self.tasks, progress.outcomes)
        again = {outcome.task.id: outcome.task for outcome in (progress.rounds or ((),))[-1]}
        new = {task.id: task for task in (fresh.take() for _ in range(max(1, count // 2)))}
        tasks = list((new | again).values())
        shares = allocate(beliefs(tasks, progress.rounds), count, self.most, self.gain)
        chosen = [task for task, share in zip(tasks, shares, strict=True) for _ in range(share)]
        return Choice((*chosen, *(fresh.take() for _ in range(count - len(chosen)))))


def beliefs(tasks: Sequence[Task], rounds: Sequence[Sequence[Outcome]]) -> list[Belief]:
    """How likely each task is to succeed: by its own episodes, and by the recent ones of its kind."""
    known = recent_rates(rounds)
    own: dict[str, list[bool]] = {}
    for outcome in (outcome for round in rounds for outcome in round):
        own.setdefault(outcome.task.id, []).append(outcome.success)

    def belief(task: Task) -> Belief:
        had, kind = own.get(task.id, []), known.get(task.kind, Rate()).chance
        return Belief(sum(had) + _KIND_COUNTS * kind, len(had) - sum(had) + _KIND_COUNTS * (1 - kind))

    return [belief(task) for task in tasks]


def allocate(known: Sequence[Belief], budget: int, most: int, gain: bool = True) -> list[int]:
    """How many of ``budget`` rollouts each task gets: none, or from 2 to ``most``; what no task can use is left.

    Greedy by worth a rollout, the first two of a task taken together. Each further one is worth no more than those
    before it, so this is the best there is wherever the budget does not end in the middle of a first two.
    """
    shares = [0] * len(known)
    steps: list[tuple[float, int, int]] = []
    for at, belief in enumerate(known):
        heappush(steps, (-_step(belief, 0, gain), 0, at))
    while steps and budget:
        _, _, at = heappop(steps)
        if budget == 1 and not shares[at] and any(shares):
            continue  # one alone cannot have both outcomes
        size = min(budget, 1 if shares[at] else 2)
        shares[at] += size
        budget -= size
        if shares[at] < most:
            heappush(steps, (-_step(known[at], shares[at], gain), shares[at], at))
    return shares


def worth(belief: Belief, rollouts: int, gain: bool = True) -> float:
    """The chance that ``rollouts`` of a task have both outcomes, times what that gains; 0 for none."""
    good, bad = (1, 2) if gain else (0, 0)
    one_sided = belief.moment(good + rollouts, bad) + belief.moment(good, bad + rollouts)
    return belief.moment(good, bad) - one_sided if rollouts else 0.0


def _step(belief: Belief, had: int, gain: bool) -> float:
    """The worth a rollout of the next step: of two rollouts where there were none, else of one."""
    size = 1 if had else 2
    # Rounded, so that what is equal is a tie, which goes to the task with fewer rollouts.
    return round((worth(belief, had + size, gain) - worth(belief, had, gain)) / size, 12)
