"""One decision, one episode, one recall: the three callables that agents are composed of.

A *method* turns one ``Decider`` into another, a *search* one ``Attempt`` into another, so that both nest. Recall may
offer more than text: abilities, which are tools made of the environment's own, and a manner of deciding.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from knowhow.environments.types import Feedback, Task, Tool, ToolCall, Trajectory


@dataclass(frozen=True, slots=True)
class Turn:
    """One request to a model.

    ``tools``: what may be called, in the OpenAI function format; empty where a text reply is wanted. ``seed`` makes a
    reply repeatable where the model honours it. ``temperature``: None leaves the model's own. ``calls``: False where a
    text reply is wanted although there are tools, which then only keep the prompt's beginning the same, for the prefix
    caches.
    """

    messages: tuple[BaseMessage, ...]
    tools: tuple[Tool, ...] = ()
    seed: int = 0
    temperature: float | None = None
    calls: bool = True


Decider = Callable[[Turn], Awaitable[AIMessage]]
"""One decision. A metered model is one; a method makes one out of another."""


@dataclass(frozen=True, slots=True)
class Start:
    """How an episode begins: its seed, a hint shown after the task, and calls to replay before the first decision.

    ``attempt`` counts tries at the same: the world stays as the seed made it, and the model draws its replies anew.
    """

    seed: int = 0
    hint: str = ""
    prefix: tuple[ToolCall, ...] = ()
    attempt: int = 0


Attempt = Callable[[Task, Start], Awaitable[Trajectory]]
"""One episode. A search makes one out of another."""


def _nothing_withheld(item: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Query:
    """What recall is asked with, before the first decision of an episode.

    ``goes_without`` tells, by the id of an item that would be shown, whether this episode is to go without it, so that
    the item's effect can be measured. ``tries`` are the ids of items not yet admitted that this episode puts to the
    test.
    """

    task: Task
    observation: str
    seed: int = 0
    goes_without: Callable[[str], bool] = _nothing_withheld
    tries: frozenset[str] = frozenset()


Act = Callable[[ToolCall], Awaitable[Feedback]]
"""One call of the environment's tools. Raises: EpisodeOver once the episode has ended."""


@dataclass(frozen=True, slots=True)
class Ability:
    """A tool that memory offers beside the environment's own: one call of it makes several of theirs.

    ``item`` is the id of the memory item behind it. ``run`` gets the call's arguments, ``act``, and what the
    environment said last; it returns what to tell the agent, before what the environment says then. What it raises is
    told to the agent.
    """

    item: str
    tool: Tool
    run: Callable[[Mapping[str, Any], Act, Feedback], Awaitable[str]]


Manner = Callable[[Decider], Decider]
"""A way of deciding that memory found better than the run's own: sampling, a choice of tools, a chain of methods."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What memory offers: text for the prompt, tools, a manner of deciding; the ids of the items behind them, and of
    those held back on purpose. ``followed`` are the shown ones that act whether the agent cites them or not."""

    text: str = ""
    shown: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    abilities: tuple[Ability, ...] = ()
    manner: Manner | None = None
    followed: tuple[str, ...] = ()


Recall = Callable[[Query], Awaitable[Recalled]]


async def nothing(query: Query) -> Recalled:
    """The recall of an agent without memory."""
    return Recalled()
