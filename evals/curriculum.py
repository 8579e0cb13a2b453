"""Which tasks each round of an evolution gets: chosen by the curriculum once, and kept in the run folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from knowhow.agents.seeds import child_seed
from knowhow.agents.types import Decider
from knowhow.environments.curricula import Choice, Curriculum, Outcome, Progress
from knowhow.environments.discover import build
from knowhow.environments.errors import BadSetting, MemoryDamaged
from knowhow.environments.lazy import Lazy
from knowhow.environments.types import StopReason, Suite, Task
from knowhow.evals.folder import write_json
from knowhow.evals.settings import Settings
from knowhow.evals.stage import Stage
from knowhow.evals.tasks import draw, ordered
from knowhow.memory.codec import decode, encode
from knowhow.memory.episodes import Episodes
from knowhow.memory.reflect import ask_json

CURRICULA = "knowhow.environments.curriculum"
KEPT = "curriculum.json"
_TO_CHOOSE_FROM = 10
"""Training tasks a training episode, as far as the split has them."""


def open_curriculum(settings: Settings, suite: Suite, model: Decider) -> Curriculum:
    """Raises: UnknownName, BadSetting for what the settings name, or where it needs labels and there are none."""

    async def ask(prompt: str) -> Mapping[str, Any] | None:
        return await ask_json(model, prompt, settings.seed)

    made: Curriculum = build(CURRICULA, settings.curriculum, _training(settings, suite), suite, ask)
    if made.labels and not settings.labels:
        raise BadSetting(
            f"the curriculum {settings.curriculum} chooses by what succeeded, which --no-labels withholds; use uniform"
        )
    return made


def _training(settings: Settings, suite: Suite) -> Sequence[Task]:
    """The tasks to choose from; with several epochs only those that one epoch has episodes for."""
    if settings.epochs > 1:
        return draw(suite, settings.split, max(1, settings.episodes // settings.epochs), settings.seed)
    tasks = ordered(suite, settings.split, settings.seed)
    return Lazy(min(_TO_CHOOSE_FROM * settings.episodes, len(tasks)), cache(tasks.__getitem__))


class Plan:
    """The choices of all rounds so far, in the run folder's ``curriculum.json``."""

    def __init__(self, stage: Stage) -> None:
        self._settings, self._episodes = stage.settings, stage.folder.episodes
        self._path = stage.folder.path / KEPT
        self._curriculum = open_curriculum(stage.settings, stage.suite, stage.model)
        self._choices = _read(self._path)

    async def tasks(self, round: int, places: range) -> Sequence[Task]:
        """The tasks of a round (from 1), whose episodes have these places among all of the run's. They are chosen once.

        Raises: BudgetExceeded, ModelError by a curriculum that asks the model.
        """
        if round not in self._choices:
            chosen = await self._curriculum.next(len(places), self._progress(round, places.start))
            self._choices[round] = chosen
            write_json(self._path, {str(number): encode(choice) for number, choice in self._choices.items()})
        return self._choices[round].tasks

    def _progress(self, round: int, place: int) -> Progress:
        before = range(1, round)
        return Progress(
            place,
            tuple(tuple(self._outcomes(number)) for number in before),
            tuple(self._choices[number].note for number in before if number in self._choices),
            child_seed(self._settings.seed, "curriculum", round),
        )

    def _outcomes(self, round: int) -> list[Outcome]:
        tasks = {task.id: task for task in self._choices[round].tasks} if round in self._choices else {}
        return outcomes(self._episodes, round, tasks)


def outcomes(episodes: Episodes, round: int, tasks: Mapping[str, Task]) -> list[Outcome]:
    """What a round's training episodes of these tasks came to; those that failed or were cut off came to nothing."""
    return [
        Outcome(tasks[row.task], row.reward, row.actions)
        for row in episodes.summaries("train", round)
        if row.task in tasks and row.reward is not None and row.stop not in (StopReason.BUDGET, StopReason.ERROR)
    ]


def _read(path: Path) -> dict[int, Choice]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {int(number): decode(Choice, choice) for number, choice in kept.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise MemoryDamaged(f"{path} cannot be read ({error}); restore it from a copy") from None
