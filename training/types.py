"""What goes into a training and what comes out of it, as plain data: examples, pairs, judged replies, adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from knowhow.environments.types import Sample, Tool

Message = Mapping[str, Any]
"""A message in OpenAI's chat format."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where an example comes from. ``step`` is the step of the episode (from 0) that its reply led to, None for the
    whole of it; ``model`` and ``memory_version`` are what it was played with. ``reward``: None where it is withheld."""

    trajectory: str
    suite: str
    task: str
    kind: str
    split: str
    reward: float | None
    step: int | None = None
    model: str = ""
    memory_version: int = 0


@dataclass(frozen=True, slots=True)
class Example:
    """Messages to imitate in part: ``weights`` has one number >= 0 per message, how much its tokens count in the loss.

    Only replies of the assistant can weigh more than 0. ``samples`` are the replies in token ids, one per assistant
    message, where the model that is to be trained made them.
    """

    messages: tuple[Message, ...]
    weights: tuple[float, ...]
    source: Source
    tools: tuple[Tool, ...] = ()
    samples: tuple[Sample | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two ways to go on after the same ``prompt``, the better one first. Each is one reply."""

    prompt: tuple[Message, ...]
    chosen: Message
    rejected: Message
    source: Source
    rejected_source: Source
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """One reply after a prompt, and whether it was of a good episode."""

    prompt: tuple[Message, ...]
    reply: Message
    good: bool
    source: Source
    tools: tuple[Tool, ...] = ()


Datum = Example | Pair | Judged


Row = TypeVar("Row", covariant=True)
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many were left out for one reason; ``what`` they were: episodes, replies, pairs or rows."""

    why: str
    count: int
    what: str = "rows"


@dataclass(frozen=True)  # without slots, which in Python 3.11 break Data[Row](...)
class Data(Generic[Row]):
    """Rows, and what was left out on the way to them. Rows are trajectories first, then what a recipe trains on."""

    rows: tuple[Row, ...]
    dropped: tuple[Dropped, ...] = ()

    def then(self, step: Callable[[Sequence[Row]], Data[Other]]) -> Data[Other]:
        """What ``step`` makes of the rows, with all that was left out before it and by it."""
        made = step(self.rows)
        return Data(made.rows, (*self.dropped, *made.dropped))


class AdapterStatus(StrEnum):
    """Where an adapter stands."""

    CANDIDATE = "candidate"
    """Trained; its trial is not over."""
    ACTIVE = "active"
    """It passed its trial, and is used."""
    RETIRED = "retired"
    """It failed its trial, or another took its place; its files are kept."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """Trained weights beside a base model, and all that is known of how they came about.

    ``path`` is the folder of the weights, relative to the run's. ``base`` is the model that it belongs to and
    ``base_hash`` the SHA-256 of its weights. ``kinds`` are the task kinds that it serves, none for all, and ``taught``
    those that it was trained on newly: all others are old ones, which must not fall. ``metrics`` holds what its
    training and its trial measured.
    """

    id: str
    path: str
    base: str
    base_hash: str
    recipe: str
    settings: Mapping[str, Any]
    data_hash: str
    memory_version: int
    parent: str = ""
    kinds: tuple[str, ...] = ()
    taught: tuple[str, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    status: AdapterStatus = AdapterStatus.CANDIDATE
