"""Lessons on trial: what a round's episodes, and paired replays made for it, say of each item's worth."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from knowhow.agents.rollout import Job
from knowhow.agents.types import Recall
from knowhow.environments.types import Trajectory
from knowhow.evals.settings import Settings
from knowhow.evals.tasks import jobs
from knowhow.memory.effects import Evidence, Usual, of_episodes, of_pairs
from knowhow.memory.episodes import Episodes
from knowhow.memory.promote import promotions
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Status
from knowhow.memory.withhold import half_withheld

PHASES = ("proof", "mirror")
"""The two halves of the paired replays; episodes of the same index are a pair."""

Play = Callable[[str, int, Sequence[Job], Recall], Awaitable[list[Trajectory]]]


@dataclass(frozen=True)
class Trial:
    """``play`` plays the jobs of a phase and round; stored episodes are taken as they are, so that a trial that was
    interrupted comes to the same."""

    settings: Settings
    memory: Memory
    store: Episodes
    recall: Recall
    play: Play

    async def edits(self, round: int, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """The new effects, promotions and retirements that follow from a round's training episodes."""
        found = of_episodes(trajectories, self.settings.withhold_rate, self._usual(round))
        for id, evidence in of_pairs(await self._pairs(round, trajectories)).items():
            found[id] = found.get(id, Evidence()) + evidence
        return promotions(self.memory.journal.items(), found)

    def _usual(self, round: int) -> Usual:
        """The usual rewards as they were known before this round."""
        usual = Usual()
        for row in self.store.summaries("train"):
            if row.round < round:
                usual.tell(row.kind, row.reward)
        return usual

    async def _pairs(self, round: int, trajectories: Sequence[Trajectory]) -> list[tuple[Trajectory, Trajectory]]:
        """Replays of the round's tasks, twice each: every item on trial is shown in one and withheld in the other."""
        tested, count = self._tested(), self._affordable(round)
        if not (tested and count and trajectories):
            return []
        tasks = [trajectories[place % len(trajectories)].task for place in range(count)]
        todo = jobs(tasks, self.settings.seed, "proof", round)
        one, other = [
            await self.play(phase, round, todo, half_withheld(self.recall, tested, mirrored))
            for phase, mirrored in zip(PHASES, (False, True), strict=True)
        ]
        # A used-up budget starts no more episodes: whose partner is missing is not known then.
        return list(zip(one, other, strict=True)) if len(one) == len(other) == count else []

    def _affordable(self, round: int) -> int:
        """An even share, in pairs, of the episodes for proof that earlier rounds left."""
        spent = sum(row.round < round for phase in PHASES for row in self.store.summaries(phase))
        return (self.settings.proof - spent) // (self.settings.rounds - round + 1) // 2

    def _tested(self) -> set[str]:
        """The candidates that it pays most to know about: used often, and measured little so far."""
        open_ones = sorted(self.memory.items(statuses=(Status.CANDIDATE,)), key=lambda item: (-_pays(item), item.id))
        return {item.id for item in open_ones[: self.settings.proof_at_once]}


def _pays(item: Item) -> float:
    return item.uses / (1 + Evidence.of(item.effect).weight)
