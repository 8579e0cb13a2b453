"""Lessons on trial: what a round's episodes, and replays made for it, say of each item's worth."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from knowhow.agents.rollout import Job
from knowhow.agents.types import Recall
from knowhow.environments.types import Task, Trajectory
from knowhow.evals.settings import Settings
from knowhow.evals.tasks import jobs
from knowhow.memory.episodes import Episodes
from knowhow.memory.promote import Rules, promotions
from knowhow.memory.proof.effects import Evidence, Usual, counts, of_episodes, of_pairs
from knowhow.memory.proof.predict import Predictions, sides
from knowhow.memory.proof.room import Room, of_spared, to_spare
from knowhow.memory.proof.uses import of_used
from knowhow.memory.proof.withhold import all_withheld, half_withheld
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Status

PHASES = ("proof", "mirror")
"""The two halves of the paired replays; episodes of the same index are a pair."""
SPARED = "spared"
"""The replays that go without everything on trial."""
UNTRIED = "proposal"
"""The kind of items that nothing can be told of by showing them: edits that wait for a person."""
_SOUGHT = 10.0
"""The uses, in episodes, that one counts as having which is not admitted, and so never shown."""

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
    rules: Rules = field(default_factory=Rules)

    async def edits(self, round: int, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """The new effects, promotions and retirements that follow from a round's training episodes."""
        known = self._known(round)
        found = of_episodes(trajectories, self.settings.withhold_rate, self._usual(round), known)
        tested, replays = self._tested(), self._affordable(round)
        if not (tested and trajectories):
            return promotions(self.memory.journal.items(), found, self.rules, used=of_used(trajectories))
        spare = to_spare(self._spared(round), replays, self.rules.worth)
        tasks = [trajectories[place % len(trajectories)].task for place in range(spare + (replays - spare) // 2)]
        spared = await self._without(round, tasks[:spare], tested)
        pairs = await self._pairs(round, tasks[spare:], tested)
        for id, evidence in of_pairs(pairs, known).items():
            found[id] = found.get(id, Evidence()) + evidence
        used = of_used([*trajectories, *(one for pair in pairs for one in pair)])
        return promotions(self.memory.journal.items(), found, self.rules, of_spared(spared), used)

    def _usual(self, round: int) -> Usual:
        """The usual rewards as they were known before this round."""
        usual = Usual()
        for row in self.store.summaries("train"):
            if row.round < round:
                usual.tell(row.kind, row.reward)
        return usual

    def _known(self, round: int) -> Predictions:
        """What the paired replays of earlier rounds predict."""
        known = Predictions()
        one, other = [
            {(row.round, row.index): row for row in self.store.summaries(phase) if row.round < round and counts(row)}
            for phase in PHASES
        ]
        for place in sorted(one.keys() & other.keys()):
            first, second = one[place], other[place]
            known.tell(first.kind, sides(first, second), (first.reward or 0.0) - (second.reward or 0.0))
        return known

    def _spared(self, round: int) -> list[list[float]]:
        """The rewards of the replays without all lessons on trial, of each earlier round."""
        earlier: list[list[float]] = [[] for _ in range(round - 1)]
        for row in self.store.summaries(SPARED):
            if row.round < round and counts(row):
                earlier[row.round - 1].append(row.reward or 0.0)
        return earlier

    async def _without(self, round: int, tasks: Sequence[Task], tested: set[str]) -> list[Trajectory]:
        """Replays that go without everything on trial."""
        todo = jobs(tasks, self.settings.seed, SPARED, round)
        return await self.play(SPARED, round, todo, all_withheld(self.recall, tested)) if todo else []

    async def _pairs(self, round: int, tasks: Sequence[Task], tested: set[str]) -> list[tuple[Trajectory, Trajectory]]:
        """Replays of the tasks, twice each: every item on trial is shown in one and withheld in the other."""
        todo = jobs(tasks, self.settings.seed, "proof", round)
        if not todo:
            return []
        one, other = [
            await self.play(phase, round, todo, half_withheld(self.recall, tested, mirrored))
            for phase, mirrored in zip(PHASES, (False, True), strict=True)
        ]
        # A used-up budget starts no more episodes: whose partner is missing is not known then.
        return list(zip(one, other, strict=True)) if len(one) == len(other) == len(todo) else []

    def _affordable(self, round: int) -> int:
        """An even share of the episodes for proof that earlier rounds left."""
        spent = sum(row.round < round for phase in (*PHASES, SPARED) for row in self.store.summaries(phase))
        return (self.settings.proof - spent) // (self.settings.rounds - round + 1)

    def _tested(self) -> set[str]:
        """Those that it pays most to know about: used often, and measured little so far; also some that are not
        admitted, which are shown nowhere else."""
        waiting = self.memory.items(statuses=(Status.CANDIDATE, Status.PENDING))
        open_ones = [item for item in waiting if item.kind != UNTRIED]
        return {item.id for item in sorted(open_ones, key=_least_pays)[: self.settings.proof_at_once]}


def _least_pays(item: Item) -> tuple[float, str]:
    uses = item.uses if item.status is Status.CANDIDATE else _SOUGHT
    return -uses / (1 + Evidence.of(item.effect).weight + Room.of(item.effect).count), item.id
