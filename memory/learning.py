"""One round's learning over several banks: what they draw from trusted episodes acts, what is from outside waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from knowhow.environments.types import Trajectory
from knowhow.memory.lineage import Ids
from knowhow.memory.review import quarantine
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Trust


async def learned(
    memory: Memory, learners: Sequence[Any], trajectories: Sequence[Trajectory], review: bool = False
) -> list[Edit]:
    """The edits that the learners (banks, and policies that learn) draw from these episodes.

    Episodes whose observations are text from outside are learned from apart, so that nothing trusted is mixed with
    them, and what they teach is put into quarantine, as is what rests on earlier ones of that kind. With ``review``
    everything is.
    """
    trusted = [trajectory for trajectory in trajectories if not trajectory.outside]
    outside = [trajectory for trajectory in trajectories if trajectory.outside]
    ids = Ids(memory, "quarantine", trajectories)
    edits: list[Edit] = []
    for taught, waits in ((trusted, review), (outside, True)):
        made = [edit for learner in learners for edit in await learner.learn(taught)] if taught else []
        mistrusted = set() if waits else {edit.item for edit in made if edit.fields.get("trust") == Trust.OUTSIDE}
        free = [edit for edit in made if not waits and edit.item not in mistrusted]
        rest = [edit for edit in made if waits or edit.item in mistrusted]
        edits += free + (quarantine(rest, memory.journal.items(), ids, taught) if rest else [])
    return edits
