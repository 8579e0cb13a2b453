"""``test_time``: in this process, and an episode in which the model is unsure is played again with an adapter made for
it alone, which is thrown away (TT-SI, arXiv 2510.07841)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from knowhow.agents.types import Attempt
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Trajectory
from knowhow.evals.engine import Cast
from knowhow.evals.settings import Settings
from knowhow.evals.training import episodes_of
from knowhow.training.recipes.test_time import TestTime as Recipe
from knowhow.training.settings import Tuning
from knowhow.training.test_time import BRIEF, check, tuned_at_test_time


class TestTime:
    """``pool`` is a run folder with training episodes of the same model, ``hf:PATH``: they say what is unsure for it,
    and hold the successes to learn from. ``similar``, ``share``, ``cap`` and ``embedder`` as the recipe takes them;
    ``steps`` and ``rate`` of each training. Raises: BadSetting."""

    __test__ = False  # pytest takes the name for its own

    def __init__(
        self,
        *,
        pool: str,
        similar: int = 4,
        share: float = 0.5,
        cap: int = 1,
        embedder: str = "hashing",
        steps: int = BRIEF.steps,
        rate: float = BRIEF.rate,
    ) -> None:
        self._pool = Path(pool)
        self._recipe = Recipe(similar=similar, share=share, cap=cap, embedder=embedder)
        self._tuning = Tuning(steps=steps, batch=BRIEF.batch, rate=rate)

    @cached_property
    def _played(self) -> Sequence[Trajectory]:
        """Raises: MemoryDamaged for what is no run folder."""
        return episodes_of(self._pool)

    def check(self, settings: Settings) -> None:
        if settings.method:
            raise BadSetting(f"--engine test_time plays an episode twice itself; leave out --method {settings.method}")
        check(settings.model)
        self._recipe.limit(self._played)

    def attempt(self, cast: Cast, uri: str) -> Attempt:
        labels = {"recall": cast.recall, "memory_version": cast.memory_version, "tag": cast.tag}
        return tuned_at_test_time(cast.played_by(uri), cast.suite, self._played, self._recipe, self._tuning, **labels)

    def close(self) -> None: ...
