"""What a long piece of work tells while it goes on; ``evals/progress.py`` draws it."""

from __future__ import annotations

from typing import Protocol

from knowhow.environments.types import Trajectory, Usage
from knowhow.memory.evolve import Round


class Watch(Protocol):
    """Told of phases, episodes and rounds as they happen."""

    def phase(self, name: str, total: int, done: int = 0) -> None:
        """A phase begins: ``total`` episodes, of which ``done`` were stored before. 0 episodes: no count is known."""

    def episode(self, trajectory: Trajectory, spent: Usage) -> None:
        """An episode ended; ``spent`` is what the whole run has spent."""

    def round(self, done: Round) -> None:
        """A round was decided."""


class Silent:
    """Tells nobody."""

    def phase(self, name: str, total: int, done: int = 0) -> None: ...

    def episode(self, trajectory: Trajectory, spent: Usage) -> None: ...

    def round(self, done: Round) -> None: ...
