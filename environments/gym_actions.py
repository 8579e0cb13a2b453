"""The action space of a Gymnasium environment as a tool: names where it is a choice, numbers elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from knowhow.environments.errors import BadSetting
from knowhow.environments.text_world import ACT
from knowhow.environments.types import Tool, ToolCall


class Actions(Protocol):
    """``tool`` is what the agent calls, ``commands`` what is possible (None: too much to list), and ``read`` gives the
    action that a call means, None where it means none."""

    @property
    def tool(self) -> Tool: ...

    def commands(self, info: Mapping[str, Any]) -> tuple[str, ...] | None: ...

    def read(self, call: ToolCall) -> Any: ...


def actions_of(space: Any, names: Sequence[str]) -> Actions:
    """Raises: BadSetting for a space that is no choice and no list of numbers, or for too few or too many names."""
    from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

    if isinstance(space, Discrete):
        if names and len(names) != space.n:
            raise BadSetting(f"actions={', '.join(names)!r} names {len(names)} actions; there are {space.n}")
        return Choice(tuple(names) or tuple(map(str, range(int(space.n)))), int(space.start))
    if isinstance(space, (Box, MultiBinary, MultiDiscrete)):
        return Numbers(space)
    raise BadSetting(f"the action space {space} is neither a choice nor a list of numbers; wrap the environment")


@dataclass(frozen=True)
class Choice:
    """One of ``names``; those that the environment masks (``action_mask`` in its info) are not offered."""

    names: tuple[str, ...]
    start: int = 0

    @property
    def tool(self) -> Tool:
        return ACT

    def commands(self, info: Mapping[str, Any]) -> tuple[str, ...]:
        mask = info.get("action_mask")
        return tuple(name for n, name in enumerate(self.names) if mask is None or mask[n])

    def read(self, call: ToolCall) -> Any:
        name = str(call.arguments["command"]).strip()
        return self.start + self.names.index(name) if name in self.names else None


@dataclass(frozen=True)
class Numbers:
    """A list of numbers within the bounds of ``space``."""

    space: Any

    @property
    def tool(self) -> Tool:
        values = {"type": "array", "items": {"type": "number"}, "description": f"The numbers of {self.space}."}
        schema = {"type": "object", "properties": {"values": values}, "required": ["values"]}
        return {"type": "function", "function": {"name": "act", "description": "Act once.", "parameters": schema}}

    def commands(self, info: Mapping[str, Any]) -> None:
        return None

    def read(self, call: ToolCall) -> Any:
        import numpy

        try:
            action = numpy.asarray(call.arguments["values"], dtype=self.space.dtype).reshape(self.space.shape)
        except (ValueError, TypeError, OverflowError):
            return None
        return action if self.space.contains(action) else None
