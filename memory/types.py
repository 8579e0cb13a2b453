"""Items, edits and banks: what memory is made of.

Memory is the fold of an append-only log of edits (``memory/journal.py``). An edit is data: it can be shown, reviewed,
diffed and undone. A bank recalls items into a prompt and turns trajectories into edits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from knowhow.agents.types import Query, Recalled
from knowhow.environments.types import Trajectory


class Status(StrEnum):
    """Where an item stands."""

    PENDING = "pending"
    """Not admitted: shown only where a replay puts it to the test, until that or a person speaks for it."""
    CANDIDATE = "candidate"
    """New: shown, and still to prove itself."""
    ACTIVE = "active"
    """Proven, or accepted by a person."""
    RETIRED = "retired"
    """It had its trial; never shown again."""
    RECORD = "record"
    """No lesson, but what a bank or a policy notes for itself; never shown."""


class Trust(StrEnum):
    """Where an item's content comes from, least trusted first. Made of several sources, it has the lowest of theirs."""

    OUTSIDE = "outside"
    """Text from outside: web pages, tool output."""
    IMPORTED = "imported"
    """Read from a file of another agent or person."""
    REFLECTION = "reflection"
    """The agent's own reflection, not checked against an outcome."""
    VERIFIED = "verified"
    """Drawn from episodes whose outcome was known."""
    PERSON = "person"
    """Written or approved by a person."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing learned. ``data`` holds what a kind of item needs beside its text (a playbook bullet's section, say).

    ``suite`` and ``task_kind`` are its scope (empty: any); ``split`` the split it was learned from (empty: none, as
    when a person wrote it); ``sources`` the ids of the trajectories that taught it, ``tasks`` those of their tasks, to
    which it is not shown. ``uses``, ``helpful`` and ``harmful`` count episodes. ``effect`` is the measured difference
    in reward with and without it, with its interval.
    """

    id: str
    kind: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    suite: str = ""
    task_kind: str = ""
    split: str = ""
    sources: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    trust: Trust = Trust.REFLECTION
    status: Status = Status.CANDIDATE
    uses: int = 0
    helpful: int = 0
    harmful: int = 0
    effect: Mapping[str, float] | None = None


class Op(StrEnum):
    """What an edit does to its item."""

    ADD = "add"
    """``fields`` are the new item's, all but its id."""
    SET = "set"
    """``fields`` replace the item's fields of these names."""
    COUNT = "count"
    """``fields`` are added to the item's counters of these names."""
    REMOVE = "remove"
    """The item goes from the state; the log keeps it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one item, with the reason for it in ``why``."""

    op: Op
    item: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Edits that were made together: all of them or none.

    ``version`` numbers batches from 1; ``at`` is seconds since the epoch. ``key`` is what makes a retried batch land
    once; ``note`` says where it came from.
    """

    version: int
    at: float
    note: str
    key: str
    edits: tuple[Edit, ...]


class Embedder(Protocol):
    """Texts to vectors of length one. ``name`` tells indices of different embedders apart."""

    @property
    def name(self) -> str: ...

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (len(texts), dimensions), each row of Euclidean length 1 (or 0 for a text with nothing in it)."""
        ...


@dataclass(frozen=True, slots=True)
class Scored:
    """An item that might be shown, and how well it suits the query: the higher the better, a cosine similarity in
    [-1, 1] unless the bank knows better."""

    item: Item
    score: float


class Bank(Protocol):
    """A kind of memory: what it offers to an episode, and what it learns from finished ones.

    It is made with a ``Memory``, the model to ask, and the suite or None, then its settings by name. It never decides
    alone what is shown: ``memory/recall.py`` leaves out what may not be shown, asks ``rank`` where there is a choice to
    make, and ``show`` for the rest. ``most`` is how many items it shows at once, None for as many as fit.
    """

    kind: str
    most: int | None

    def rank(self, query: Query, items: Sequence[Item]) -> list[Scored]:
        """The items that suit the query, best first; ``nearest`` of ``memory/recall.py`` ranks by meaning."""
        ...

    def show(self, items: Sequence[Item]) -> Recalled:
        """These items as the episode gets them: text, and abilities or a manner where the bank has such. ``shown`` and
        ``withheld`` are filled in by the caller."""
        ...

    async def learn(self, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """Edits that these episodes teach; nothing is written yet.

        A trajectory whose reward is None is learned from label-free.

        Raises: ValueError for a trajectory of the test split.
        """
        ...


class Policy(Protocol):
    """What to recall, and when: a choice among a bank's ranked items, made the same way for every bank.

    It is made like a bank. Several are applied one after the other; an empty result recalls nothing. It may change an
    item's text as it is shown. A policy that learns has a ``learn`` as a bank has, and items of a kind of its own.
    """

    def __call__(self, query: Query, ranked: Sequence[Scored]) -> Sequence[Scored]: ...
