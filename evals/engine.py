"""Where episodes are played: an engine turns what the episodes of a phase have in common into an attempt.

An engine is a class in ``evals/engines/NAME.py``, made with its settings: ``--engine 'ray(workers=64)'``. Whatever it
does, an attempt gives the trajectory that it would give here; the run folder is written by the caller alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from knowhow.agents.compose import compose
from knowhow.agents.episode import Agent
from knowhow.agents.metering import Meter
from knowhow.agents.model import Model, load_model
from knowhow.agents.types import Attempt, Recall
from knowhow.environments.types import Suite
from knowhow.evals.settings import Settings

ENGINES = "knowhow.evals.engines"


@dataclass(frozen=True)
class Cast:
    """What the episodes of a phase have in common; ``tag`` tells them from equal ones of another phase."""

    settings: Settings
    suite: Suite
    model: Model
    recall: Recall
    memory_version: int
    tag: str

    def played_by(self, uri: str) -> Model:
        """The model of ``uri``, which spends from the same budget. Raises: what it names that there is not."""
        return self.model if uri == self.model.uri else load(self.settings, uri, self.model.meter)

    def attempt(self, uri: str) -> Attempt:
        """One episode, by the model of ``uri``. Raises: what the settings name that there is not."""
        model = self.played_by(uri)
        agent = Agent(model, model.meter, self.recall, uri, memory_version=self.memory_version, tag=self.tag)
        return compose(self.suite, agent, self.settings.method)


class Engine(Protocol):
    """``attempt`` may be asked for again and again; ``close`` ends all that it started. Nothing starts before it is
    needed."""

    def check(self, settings: Settings) -> None:
        """Raises: MissingExtra, BadSetting for what cannot be played this way."""

    def attempt(self, cast: Cast, uri: str) -> Attempt: ...

    def close(self) -> None: ...


def load(settings: Settings, uri: str, meter: Meter) -> Model:
    return load_model(uri, meter=meter, cache=Path(settings.cache) if settings.cache else None)
