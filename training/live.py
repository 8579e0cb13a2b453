"""Playing with weights that come and go: those of a model that is being trained, or an adapter for one episode.

The engine of ``agents/local`` plays, many episodes at a time. It gets an adapter as a server in production would: from
a folder, under a name of its own, and for as long as it is needed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from knowhow.agents.episode import Agent, play
from knowhow.agents.local.weights import adapter_kind
from knowhow.agents.metering import Meter
from knowhow.agents.model import Model, drop_adapter, load_model, parse_uri, with_adapter
from knowhow.agents.rollout import Job, rollout
from knowhow.agents.types import Recall, nothing
from knowhow.environments.types import Suite, Trajectory
from knowhow.training.tuning import save


@contextmanager
def loaded(uri: str, adapter: Path, meter: Meter) -> Iterator[Model]:
    """The model ``hf:PATH?options`` with the adapter in a folder, which is unloaded afterwards. Raises: BadSetting."""
    model = load_model(with_adapter(uri, adapter, adapter.name), meter=meter, retries=0)
    try:
        yield model
    finally:
        drop_adapter(model.uri)


@dataclass
class Live:
    """Plays with a model as it is at the moment. ``uri`` is that of its base, ``folder`` where its adapter lies
    meanwhile; ``recall`` gives what memory puts into the prompts."""

    uri: str
    folder: Path
    recall: Recall = nothing
    chat: Any = None
    """Held between two times, so that the base is loaded once."""
    _numbers: Iterator[int] = field(default_factory=count)

    async def play(self, model: Any, suite: Suite, jobs: Sequence[Job]) -> list[Trajectory]:
        """The episodes in the order of ``jobs``, all at once, by a base with an adapter (``PeftModel``)."""
        from knowhow.agents.local.chat import chat_at

        path = self.folder / f"live-{next(self._numbers)}"
        save(model, path)
        self.chat = self.chat or chat_at(Path(parse_uri(self.uri)[1]), adapter_kind(path))
        try:
            with loaded(self.uri, path, Meter()) as decide:
                agent = Agent(decide, decide.meter, self.recall, decide.uri)
                return await rollout(play(suite, agent), jobs, concurrency=len(jobs))
        finally:
            shutil.rmtree(path)
