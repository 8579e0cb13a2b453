"""What the agent can do alone: past tasks at which memory showed it nothing, and whether it succeeded.

Policies that decide when to recall learn from these. A record is an item of the policy's own kind, on the same journal
as everything else; it is never shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from knowhow.agents.types import Query
from knowhow.environments.types import StopReason, Task, Trajectory
from knowhow.memory.delta import Draft
from knowhow.memory.lineage import Ids, lineage, refuse_test, task_key
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Status

_SOURCES = 8
"""Of a task that was played often, the last so many episodes are named."""


@dataclass(frozen=True, slots=True)
class Past:
    """Past tasks, one a row: their task keys, kinds, vectors of length one, and rates of success in [0, 1]."""

    tasks: NDArray[np.str_]
    kinds: NDArray[np.str_]
    vectors: NDArray[np.float32]
    success: NDArray[np.float64]

    def without(self, task: Task) -> Past:
        """What is known but for this very task."""
        rows = self.tasks != task_key(task)
        return (
            self
            if rows.all()
            else Past(*(column[rows] for column in (self.tasks, self.kinds, self.vectors, self.success)))
        )


@dataclass
class Alone:
    """The records of one policy: ``kind`` names its items, ``prefix`` their ids; the newest ``keep`` tasks stay."""

    memory: Memory
    kind: str
    prefix: str
    keep: int
    _past: tuple[int, Past] | None = field(default=None, init=False, repr=False)

    def past(self) -> Past:
        """All records; read again only where the memory has changed."""
        version = self.memory.version
        if self._past is None or self._past[0] != version:
            self._past = version, self._read()
        return self._past[1]

    def vector(self, query: Query) -> NDArray[np.float32]:
        """The query's task among ``Past.vectors``."""
        vector: NDArray[np.float32] = self.memory.embed([_text(query.task)])[0]
        return vector

    def learn(self, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """A record for each episode that was shown nothing. Raises: ValueError for a test trajectory."""
        refuse_test(trajectories)
        draft = Draft({item.id: item for item in self._items()})
        known = {item.tasks[0]: item.id for item in draft.items.values()}
        ids = Ids(self.memory, self.kind, trajectories)
        for trajectory in trajectories:
            if _says_something(trajectory):
                self._record(draft, known, trajectory, ids)
        for id in sorted(draft.items)[: -self.keep]:
            draft.remove(id, f"the newest {self.keep} tasks stay")
        return draft.edits

    def _record(self, draft: Draft, known: dict[str, str], trajectory: Trajectory, ids: Ids) -> None:
        key = task_key(trajectory.task)
        if key not in known:
            known[key] = ids.next(self.prefix)
            data = {"wins": int(trajectory.success), "losses": int(not trajectory.success)}
            made = Item(
                known[key], self.kind, _text(trajectory.task), data, status=Status.RECORD, **lineage([trajectory])
            )
            draft.add(made, "a record of what the agent did without memory")
            return
        item = draft.items[known[key]]
        told = "wins" if trajectory.success else "losses"
        data = {**item.data, told: item.data[told] + 1}
        draft.set(item.id, "it did it again", data=data, sources=(*item.sources, trajectory.id)[-_SOURCES:])

    def _items(self) -> list[Item]:
        return self.memory.items(self.kind, (Status.RECORD,))

    def _read(self) -> Past:
        items = self._items()
        return Past(
            np.array([item.tasks[0] for item in items], str),
            np.array([f"{item.suite}/{item.task_kind}" for item in items], str),
            self.memory.embed([item.text for item in items]),
            np.array([item.data["wins"] / (item.data["wins"] + item.data["losses"]) for item in items], float),
        )


def _says_something(trajectory: Trajectory) -> bool:
    whole = trajectory.stop not in (StopReason.BUDGET, StopReason.ERROR)
    return whole and trajectory.reward is not None and not trajectory.shown


def _text(task: Task) -> str:
    return f"{task.kind} {task.goal}"
