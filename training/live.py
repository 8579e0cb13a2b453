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
from knowhow.agents.metering import Meter
from knowhow.agents.model import Model, load_model, parse_uri, with_adapter
from knowhow.agents.rollout import Job, rollout
from knowhow.agents.types import Recall, nothing
from knowhow.environments.types import Suite, Trajectory
from knowhow.training.tuning import save


@contextmanager
def loaded(uri: str, adapter: Path, meter: Meter) -> Iterator[Model]:
    """The model ``hf:PATH?options`` with the adapter in a folder, which is unloaded afterwards. Raises: BadSetting."""
    from knowhow.agents.local.chat import chat_at

    chat = chat_at(Path(parse_uri(uri)[1]))
    model = load_model(with_adapter(uri, adapter, adapter.name), meter=meter, retries=0)
    try:
        yield model
    finally:
        chat.engine.unload_adapter(chat.adapter_at(adapter))


@dataclass
class Live:
    """Plays with a model as it is at the moment. ``uri`` is that of its base, ``folder`` where its adapter lies
    meanwhile; ``recall`` gives what memory puts into the prompts."""

    uri: str
    folder: Path
    recall: Recall = nothing
    _numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        from knowhow.agents.local.chat import chat_at

        self.chat = chat_at(Path(parse_uri(self.uri)[1]))  # held, so that the base is loaded once

    async def play(self, model: Any, suite: Suite, jobs: Sequence[Job]) -> list[Trajectory]:
        """The episodes in the order of ``jobs``, all at once, by a base with an adapter (``PeftModel``)."""
        path = self.folder / f"live-{next(self._numbers)}"
        save(model, path)
        try:
            with loaded(self.uri, path, Meter()) as decide:
                agent = Agent(decide, decide.meter, self.recall, decide.uri)
                return await rollout(play(suite, agent), jobs, concurrency=len(jobs))
        finally:
            shutil.rmtree(path)
