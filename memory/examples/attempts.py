"""How an agent does at each kind of task without examples: what AdaptMI (arXiv 2505.00147) asks before it shows any."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from knowhow.environments.types import Trajectory
from knowhow.memory.delta import Draft
from knowhow.memory.examples.deeds import deeds, skills
from knowhow.memory.lineage import Ids, lineage
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Status

KIND, PREFIX = "attempts", "att"
LATEST = 20
"""The outcomes that count: the agent changes."""
FEW = 3
"""With fewer outcomes it is not known how it does."""


@dataclass(frozen=True, slots=True)
class Standing:
    """``success`` in [0, 1], None where it is not known; ``tried`` are the skills that failing attempts used."""

    success: float | None = None
    tried: frozenset[str] = frozenset()


def standing(memory: Memory, suite: str, task_kind: str) -> Standing:
    """How the agent does at this kind of task without examples."""
    item = _find(memory.items(KIND, (Status.RECORD,)), suite, task_kind)
    if item is None or len(item.data["outcomes"]) < FEW:
        return Standing()
    return Standing(sum(item.data["outcomes"]) / len(item.data["outcomes"]), frozenset(item.data["tried"]))


def attempted(memory: Memory, examples: Collection[str], trajectories: Sequence[Trajectory]) -> list[Edit]:
    """What these episodes add to the record, those of known outcome that were shown none of the ``examples``."""
    draft = Draft({item.id: item for item in memory.items(KIND, (Status.RECORD,))})
    ids = Ids(memory, KIND, trajectories)
    for one in trajectories:
        if one.reward is not None and not set(one.shown) & set(examples):
            _note(draft, one, ids)
    return draft.edits


def _note(draft: Draft, one: Trajectory, ids: Ids) -> None:
    old = _find(draft.items.values(), one.task.suite, one.task.kind)
    outcomes = [*(old.data["outcomes"] if old else []), int(one.success)][-LATEST:]
    tried = {*(old.data["tried"] if old else []), *([] if one.success else skills(deeds(one)))}
    data = {"outcomes": outcomes, "tried": sorted(tried)}
    text = f"{one.task.kind}: {sum(outcomes)} of the latest {len(outcomes)} attempts without examples succeeded."
    if old is None:
        new = Item(ids.next(PREFIX), KIND, text, data, **{**lineage([one]), "status": Status.RECORD})
        draft.add(replace(new, sources=(), tasks=()), "a kind of task that is new")
    else:
        draft.set(old.id, "another attempt without examples", text=text, data=data)


def _find(items: Iterable[Item], suite: str, task_kind: str) -> Item | None:
    return next((item for item in items if (item.suite, item.task_kind) == (suite, task_kind)), None)
