"""Sessions: what one person asked for, one request after the other, and what became of it.

A session is kept as an item of its own, because its requests may come in different rounds; it is never shown. What
happened while memory itself had reworded a request is told apart (self-aware self-learning, arXiv 2205.00029): success
then says nothing of the request, while a person who went on to other words after it did say what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from typing import Any

from knowhow.environments.types import StopReason, Trajectory
from knowhow.memory.delta import Draft
from knowhow.memory.lineage import Ids, lineage
from knowhow.memory.rewriting.absorbing import Request
from knowhow.memory.rewriting.wordings import wordings
from knowhow.memory.types import Item, Status, Trust

KIND = "sessions"


@dataclass(frozen=True, slots=True)
class Turn:
    """One request, and how many episodes of it ``won`` and ``lost``; of how many that is ``unknown``; and how many did
    not win although, or because, memory had reworded it (``astray``)."""

    task: str
    request: str
    won: int = 0
    lost: int = 0
    unknown: int = 0
    astray: int = 0


def turns(item: Item) -> list[Turn]:
    """A session's requests, in the order in which they were made."""
    return [Turn(*turn) for turn in item.data["turns"]]


def record(draft: Draft, trajectories: Sequence[Trajectory], rewrites: Collection[str], ids: Ids, keep: int) -> None:
    """Put the episodes that belong to sessions into the draft; the newest ``keep`` sessions stay. ``rewrites`` are the
    ids of the items that reword requests."""
    known = {str(item.data["session"]): item.id for item in draft.items.values() if item.kind == KIND}
    for trajectory in trajectories:
        if trajectory.task.session and trajectory.stop not in (StopReason.BUDGET, StopReason.ERROR):
            _record(draft, known, trajectory, reworded=bool({*trajectory.shown} & {*rewrites}), ids=ids)
    for item in kept(draft)[:-keep]:
        draft.remove(item.id, f"the newest {keep} sessions stay")


def kept(draft: Draft) -> list[Item]:
    """The sessions that there are, by id."""
    return sorted((item for item in draft.items.values() if item.kind == KIND), key=lambda item: item.id)


@dataclass(frozen=True)
class Heard:
    """All sessions: their items, their requests as they were ``said``, and these as wordings."""

    items: Sequence[Item]
    said: Sequence[Sequence[Turn]]
    named: Sequence[Sequence[str]]
    written: Mapping[str, str]
    """A request of each wording, as it was written."""

    @classmethod
    def of(cls, draft: Draft) -> Heard:
        items = kept(draft)
        said = [turns(item) for item in items]
        named = wordings([[turn.request for turn in session] for session in said])
        pairs = (pair for one, names in zip(said, named, strict=True) for pair in zip(names, one, strict=True))
        return cls(items, said, named, {name: turn.request for name, turn in pairs})

    def helped(self, request: str, other: str) -> list[Item]:
        """The sessions in which a request failed, and the other wording of it then worked."""
        within = self._places.get(request, ())
        return [self.items[at] for at in within if _went_on(self.said[at], self.named[at], request, other)]

    def tallied(self) -> dict[str, Request]:
        """What became of each wording, over all sessions. Where nobody tells what succeeded, a request that the person
        reworded is taken to have failed, and any other to have succeeded."""
        requests: dict[str, Request] = {name: Request() for names in self.named for name in names}
        for session, names in zip(self.said, self.named, strict=True):
            for turn, name, after in zip(session, names, [*names[1:], None], strict=True):
                request = requests[name]
                request.succeeded += turn.won
                if after is not None:
                    request.next[after] += turn.lost + turn.unknown + turn.astray
                else:
                    request.failed += turn.lost
                    request.succeeded += turn.unknown
        return requests

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for at, names in enumerate(self.named):
            for name in dict.fromkeys(names):
                found.setdefault(name, []).append(at)
        return found


def _went_on(session: Sequence[Turn], names: Sequence[str], request: str, other: str) -> bool:
    failed = [at for at, turn in enumerate(session) if names[at] == request and turn.lost + turn.unknown + turn.astray]
    later = range(failed[0] + 1, len(session)) if failed else ()
    last = len(session) - 1
    return any(names[at] == other and (session[at].won or (at == last and session[at].unknown)) for at in later)


def _record(draft: Draft, known: dict[str, str], trajectory: Trajectory, *, reworded: bool, ids: Ids) -> None:
    task = trajectory.task
    session = f"{task.suite}/{task.session}"
    if session not in known:
        known[session] = ids.next("ses")
        data: dict[str, Any] = {"session": session, "turns": []}
        made = Item(known[session], KIND, task.goal, data, status=Status.RECORD, **lineage([trajectory]))
        draft.add(made, "what one person asked for")
    item = draft.items[known[session]]
    said = {turn.task: turn for turn in turns(item)}
    said[task.id] = _told(said.get(task.id, Turn(task.id, task.goal)), trajectory, reworded)
    listed = [list(astuple(said[id])) for id in sorted(said, key=_natural)]
    own = lineage([trajectory])
    draft.set(
        item.id,
        "one more request",
        text="; ".join(turn[1] for turn in listed),
        data={"session": session, "turns": listed},
        sources=tuple(dict.fromkeys((*item.sources, *own["sources"]))),
        tasks=tuple(dict.fromkeys((*item.tasks, *own["tasks"]))),
        task_kind=item.task_kind if item.task_kind == task.kind else "",
        trust=min(item.trust, own["trust"], key=list(Trust).index),
    )


def _told(turn: Turn, trajectory: Trajectory, reworded: bool) -> Turn:
    if reworded:
        won = trajectory.reward is not None and trajectory.success
        return replace(turn, astray=turn.astray + (not won))
    if trajectory.reward is None:
        return replace(turn, unknown=turn.unknown + 1)
    return replace(turn, won=turn.won + trajectory.success, lost=turn.lost + (not trajectory.success))


def _natural(id: str) -> list[tuple[int, str]]:
    """``task 10`` comes after ``task 9``."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", id)]
