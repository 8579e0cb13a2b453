"""An episode whose engine runs in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from knowhow.environments.episode import Episode
from knowhow.environments.text_world import ACT
from knowhow.environments.types import Feedback, ToolCall
from knowhow.environments.worker import Worker


class EngineEpisode(Episode):
    """A text world in a worker, whose engine has ``reset(game)`` and ``step(command)``.

    ``read`` makes a feedback of what these return.
    """

    def __init__(self, worker: Worker, game: Any, read: Callable[[Mapping[str, Any]], Feedback]) -> None:
        super().__init__(ACT)
        self._worker = worker
        self._game = game
        self._read = read

    async def begin(self) -> Feedback:
        return self._read(await self._worker.ask("reset", self._game))

    async def answer(self, call: ToolCall) -> Feedback:
        return self._read(await self._worker.ask("step", call.arguments["command"]))
