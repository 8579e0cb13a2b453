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
from knowhow.training.types import Data, Datum

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


@runtime_checkable
class Privileged(Protocol):
    """A recipe whose examples need more of the suite than the episodes tell: an oracle, say."""

    def in_suite(self, suite: Suite | None) -> Recipe:
        """The same recipe for episodes of this suite. Raises: BadSetting where it does not suit."""


def judges(specification: str) -> bool:
    """Does an adapter of this recipe judge attempts, instead of playing? Raises: UnknownName, BadSetting."""
    return bool(getattr(find(RECIPES, parse(specification)[0]), "judges", False))
