"""Which training tasks come next, and new ones: what a curriculum is, what it may know, and what a suite may offer it.

A curriculum decides from what earlier rounds came to, and from nothing that it keeps itself, so that a run that was
interrupted goes on with the same tasks. It only ever sees training tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from knowhow.environments.types import Task

Ask = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""The run's own metered model: a prompt that asks for a JSON object in, the object out, or None where the reply holds
none. Raises: BudgetExceeded, ModelError."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training episode ended: its reward in [0, 1], and how many calls of the environment's tools it took."""

    task: Task
    reward: float
    actions: int = 0

    @property
    def success(self) -> bool:
        return self.reward >= 1 - 1e-9


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known before a round.

    ``place``: how many episodes the rounds before it asked for, in all. ``rounds``: what these came to, the oldest
    first; episodes that failed or were cut off are not among them. ``notes``: what the curriculum noted with each.
    ``seed`` is the round's own.
    """

    place: int = 0
    rounds: tuple[tuple[Outcome, ...], ...] = ()
    notes: tuple[Mapping[str, Any], ...] = ()
    seed: int = 0

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for round in self.rounds for outcome in round]


@dataclass(frozen=True, slots=True)
class Choice:
    """A round's tasks, one an episode, and what to note of how they were chosen (plain data, kept with the run)."""

    tasks: tuple[Task, ...]
    note: Mapping[str, Any] = field(default_factory=dict)


class Curriculum(Protocol):
    """It is made with the run's training tasks in the run's order, their suite and an ``Ask``, and its settings.

    ``labels``: it has to know what succeeded.
    """

    labels: bool

    async def next(self, count: int, progress: Progress) -> Choice:
        """Exactly ``count`` tasks; the same for the same progress, but for what a model replies."""


@runtime_checkable
class Varied(Protocol):
    """A suite that can make variants of a training task: other training tasks with the same goal."""

    def variants(self, task: Task, count: int, seed: int) -> list[Task]: ...


@runtime_checkable
class Designed(Protocol):
    """A suite whose training environments can be described by plain data (EnvGen, arXiv 2403.12014)."""

    def design_guide(self) -> str:
        """What a description may hold, told to a model that is to write one, with an example in JSON."""

    def designed(self, design: Mapping[str, Any], count: int, seed: int) -> list[Task]:
        """So many training tasks in environments as described. Raises: BadSetting that says what is wrong with it."""


class Fresh:
    """Training tasks in the run's order, those first that were tried least; taken ones go to the end."""

    def __init__(self, tasks: Iterable[Task], outcomes: Iterable[Outcome]) -> None:
        tried = Counter(outcome.task.id for outcome in outcomes)
        self._queue = sorted({task.id: task for task in tasks}.values(), key=lambda task: tried[task.id])

    def take(self, kind: str | None = None) -> Task:
        """The next one, of a kind where one is named. Raises: StopIteration where there is none of it."""
        at = next(at for at, task in enumerate(self._queue) if kind in (None, task.kind))
        self._queue.append(self._queue.pop(at))
        return self._queue[-1]


def kinds(tasks: Iterable[Task]) -> list[str]:
    return sorted({task.kind for task in tasks})


@dataclass(frozen=True, slots=True)
class Rate:
    """A success rate from ``good`` of ``weight`` episodes, those of older rounds counted less."""

    good: float = 0.0
    weight: float = 0.0

    @property
    def chance(self) -> float:
        """It is 1/2 where nothing is known, and never quite 0 or 1 (Krichevsky and Trofimov 1981)."""
        return (self.good + 0.5) / (self.weight + 1)


def recent_rates(rounds: Iterable[Iterable[Outcome]], fading: float = 0.5) -> dict[str, Rate]:
    """The success rate of each kind of task that was met; each round makes the earlier ones count less by ``fading``,
    because the agent learned meanwhile."""
    rates: dict[str, Rate] = {}
    for round in rounds:
        rates = {kind: Rate(rate.good * fading, rate.weight * fading) for kind, rate in rates.items()}
        for outcome in round:
            old = rates.get(outcome.task.kind, Rate())
            rates[outcome.task.kind] = Rate(old.good + outcome.success, old.weight + 1)
    return rates
