"""Training within an evolution: every so many rounds, on what was played; the journal says which adapter is used."""

from __future__ import annotations

from typing import Any

from knowhow.agents.types import Recall
from knowhow.environments.discover import build, parse
from knowhow.environments.errors import BadSetting
from knowhow.environments.fitting import fit
from knowhow.environments.types import Trajectory
from knowhow.evals.adapter_trial import put_to_trial
from knowhow.evals.routing import base_of, route
from knowhow.evals.settings import Settings
from knowhow.evals.stage import Stage
from knowhow.memory.store import Memory
from knowhow.training.recipe import RECIPES, judges
from knowhow.training.registry import Registry
from knowhow.training.selecting import played_with
from knowhow.training.settings import Tuning
from knowhow.training.train import plan, train
from knowhow.training.types import AdapterStatus


class Trainer:
    """Trains after the rounds at which it is time to, and lets the active adapters play from then on."""

    def __init__(self, stage: Stage, memory: Memory, recall: Recall) -> None:
        self.stage, self.memory, self.recall = stage, memory, recall
        self.settings = stage.settings
        self.registry = Registry(memory.journal)
        if self.settings.train_every:
            self.base = base_of(self.settings)
            stage.route = route(self.registry.adapters, self.settings, stage.folder.path)

    async def after(self, round: int) -> None:
        """Train on the episodes so far, and put the adapter to trial, where the round is one of those.

        Where the recipe finds nothing to train on, nothing happens. An adapter that was settled before stays so.
        """
        every = self.settings.train_every
        if not every or round % every:
            return
        try:
            made = plan(
                self._episodes(round), self.settings.recipe, self.base, tuning_of(self.settings), suite=self.stage.suite
            )
            self.stage.watch.phase(f"fine-tune {round}", 0)
            adapter = train(made, self.registry, self.stage.folder.path, recall=self.recall)
        except BadSetting as error:  # of the data, of which there may be more the next time
            self.stage.watch.phase(f"no training {round}: {error}", 0)
            return
        if adapter.status is AdapterStatus.CANDIDATE and not judges(self.settings.recipe):
            await put_to_trial(self.stage, self.registry, adapter, self.recall, self.memory.version)

    def _episodes(self, round: int) -> list[Trajectory]:
        store = self.stage.folder.episodes
        played = [one for number in range(1, round + 1) for one in store.find("train", number)]
        if not self.settings.fresh:
            return played
        return list(played_with(played, model=played[-1].model if played else None).rows)


def tuning_of(settings: Settings) -> Tuning:
    """Raises: BadSetting for a setting that there is not."""
    _, given = parse(f"tuning({settings.tuning})")
    fit(Tuning, "a training", given)
    made: dict[str, Any] = {"seed": settings.seed, **given}
    return Tuning(**made)


def check_training(settings: Settings) -> None:
    """Raises what a training with these settings would raise at its start."""
    if settings.train_every:
        from knowhow.agents.local.engine import check_extra

        check_extra()
        base_of(settings)
        tuning_of(settings)
        build(RECIPES, settings.recipe)
