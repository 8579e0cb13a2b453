"""A recipe: which data it makes of episodes, and how it trains an adapter on them.

A recipe is a class in ``training/recipes/NAME.py``; its settings are given as in ``--recipe 'sft(cap=2)'``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from knowhow.agents.types import Recall, nothing
from knowhow.environments.discover import find, parse
from knowhow.environments.types import Suite, Trajectory
from knowhow.training.settings import Tuning
from knowhow.training.types import Data, Datum, Example

RECIPES = "knowhow.training.recipes"


def unwatched(step: int, steps: int, loss: float) -> None:
    """The progress that nobody wants to see."""


@dataclass(frozen=True)
class Job:
    """One training. ``base`` is the folder of the model; ``folder`` is where checkpoints go and, at the end,
    ``adapter`` appears; ``start`` an adapter to go on from (None: a new one). ``suite`` is there for recipes that play,
    and ``recall`` for what memory puts into their prompts.
    """

    base: Path
    folder: Path
    tuning: Tuning = field(default_factory=Tuning)
    start: Path | None = None
    suite: Suite | None = None
    recall: Recall = nothing
    progress: Callable[[int, int, float], None] = unwatched

    @property
    def adapter(self) -> Path:
        return self.folder / "adapter"


class Recipe(Protocol):
    """``examples`` is pure and needs no torch; it refuses test tasks. ``train`` goes on from the last checkpoint in the
    job's folder, writes the adapter and returns what it measured: ``steps``, ``losses``, ``seconds`` and more. Where
    its adapter judges attempts and plays none, the class says so: ``judges = True``.

    Raises (both): BadSetting where the data do not suit, KnowhowError on a full disk.
    """

    def examples(self, trajectories: Sequence[Trajectory]) -> Data[Datum]: ...

    def train(self, job: Job, data: Data[Datum]) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Work:
    """What a training has to do: so many updates, each of ``sequences`` times the tuning's batch; ``plays``: and
    episodes besides."""

    updates: int
    sequences: int = 1
    plays: bool = False


@runtime_checkable
class Planned(Protocol):
    """A recipe that does not simply go over its rows."""

    def work(self, tuning: Tuning, data: Data[Datum], suite: Suite | None) -> Work: ...


def work_of(recipe: Recipe, tuning: Tuning, data: Data[Datum], suite: Suite | None) -> Work:
    """Pairs and judged replies are up to two sequences, each also read by the reference."""
    if isinstance(recipe, Planned):
        return recipe.work(tuning, data, suite)
    compares = not isinstance(data.rows[0], Example)
    return Work(tuning.updates(len(data.rows)), 3 if compares else 1)


@runtime_checkable
class Privileged(Protocol):
    """A recipe whose examples need more of the suite than the episodes tell: an oracle, say."""

    def in_suite(self, suite: Suite | None) -> Recipe:
        """The same recipe for episodes of this suite. Raises: BadSetting where it does not suit."""


def judges(specification: str) -> bool:
    """Does an adapter of this recipe judge attempts, instead of playing? Raises: UnknownName, BadSetting."""
    return bool(getattr(find(RECIPES, parse(specification)[0]), "judges", False))
