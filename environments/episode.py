"""What every episode does alike: it is begun once, refuses calls that fit no tool, and is over when it is over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from knowhow.environments.calls import check_call
from knowhow.environments.errors import EpisodeOver
from knowhow.environments.types import Feedback, Tool, ToolCall


class Episode(ABC):
    """An ``Environment``: subclass it with ``begin`` and ``answer``, which gets only calls that fit one of the tools.

    Raises: EpisodeOver for a step before ``reset`` or after the end.
    """

    def __init__(self, *tools: Tool) -> None:
        self._tools = tools
        self._last: Feedback | None = None

    @property
    def tools(self) -> Sequence[Tool]:
        return self._tools

    @abstractmethod
    async def begin(self) -> Feedback:
        """The first feedback."""

    @abstractmethod
    async def answer(self, call: ToolCall) -> Feedback:
        """What comes of a call."""

    async def reset(self) -> Feedback:
        self._last = await self.begin()
        return self._last

    async def step(self, call: ToolCall) -> Feedback:
        if self._last is None:
            raise EpisodeOver("step was called before reset; call reset once, first")
        if self._last.done:
            raise EpisodeOver("the episode is over; open another one")
        wrong = check_call(call, self._tools)
        if wrong:
            return Feedback(wrong, commands=self._last.commands)
        self._last = await self.answer(call)
        return self._last
