"""Cases: what was done at which task, and what came of it, after Memento (AgentFly, arXiv 2508.16153).

An episode leaves a case of state, plan and outcome, good or bad. Which cases an episode reads is a policy over memory:
the nearest ones, or, after a filter by similarity, those that are best by similarity and Q(state, case) together, as in
MemRL (arXiv 2601.03192). Q is estimated as in Memento's kernel form, without a network: the average outcome of the
episodes that used the case, each weighed by how much its state resembles the one at hand. It is learned from episodes'
outcomes alone and asks no model anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from knowhow.agents.types import Decider, Query, Recalled
from knowhow.environments.discover import at_least
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite, Trajectory
from knowhow.memory.delta import Draft
from knowhow.memory.examples.deeds import Deed, deeds, line, signature, told
from knowhow.memory.examples.examples import balanced, count_uses, heading, state_of, succeeded, whole
from knowhow.memory.lineage import Ids, lineage, refuse_test
from knowhow.memory.recall import nearest
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Scored, Status, Trust

PREFIX = "cas"
UNSURE = 0.5
"""What a state is worth that nothing resembles."""
DOUBT = 1.0
"""The episodes' worth of weight that this has, or what similar states are worth, beside what was seen of a case."""
SHARPNESS = 4
"""How fast what was seen in a state says less of others: by this power of their cosine similarity."""
_INTRODUCTION = """# Cases
Earlier attempts at other tasks, most promising first. Follow what succeeded as far as it fits; do not repeat what
failed."""


@dataclass
class Cases:
    """Settings: ``select`` is how cases are read, "q" or "similarity"; ``pool`` how many of the nearest, among those
    that succeeded and among the others, are chosen from then, and ``weight`` that of Q beside similarity, in [0, 1].
    ``failures`` is how many of the shown may be others than successes, where there are enough successes. ``keep``
    bounds the cases of one outcome for each kind of task, ``visits`` the outcomes remembered of each, and ``longest``
    the calls of a plan (the last ones are kept)."""

    memory: Memory
    ask: Decider
    suite: Suite | None = None
    select: str = "q"
    pool: int = 16
    weight: float = 0.5
    failures: int = 1
    keep: int = 20
    visits: int = 32
    longest: int = 60
    kind: str = "cases"
    most: int | None = 4

    def __post_init__(self) -> None:
        if self.select not in _SELECT:
            raise BadSetting(f"select={self.select!r} is none of {', '.join(_SELECT)}")
        at_least(1, pool=self.pool, keep=self.keep, visits=self.visits, longest=self.longest)
        at_least(0, failures=self.failures)

        if not 0 <= self.weight <= 1:
            raise BadSetting(f"weight={self.weight!r} is not between 0 and 1")

    def rank(self, query: Query, items: Sequence[Item]) -> list[Scored]:
        """By the policy, the first ``failures`` failures in their place and the rest behind all successes."""
        return balanced(_SELECT[self.select](self, query, nearest(self, query, items)), self.failures)

    def show(self, items: Sequence[Item]) -> Recalled:
        return Recalled("\n\n".join([_INTRODUCTION, *map(case, items)]) if items else "")

    async def learn(self, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """Outcomes for the cases that were used, and a case for every episode that did something; of each kind of
        task, the least useful make room. Raises: ValueError for a test trajectory."""
        refuse_test(trajectories)
        draft = Draft({item.id: item for item in self.memory.items(self.kind, tuple(Status))})
        ids = Ids(self.memory, self.kind, trajectories)
        for trajectory in trajectories:
            self._credit(draft, trajectory)
        for trajectory in trajectories:
            if whole(trajectory):
                self._add(draft, trajectory, ids)
        self._make_room(draft)
        return draft.edits

    def q(self, state: str, items: Sequence[Item]) -> list[float]:
        """Q(state, case) of each, in [0, 1]. As far as nothing is known of a case, it is what such states were worth
        with any of these."""
        seen = [_seen(item) for item in items]
        texts = dict.fromkeys(text for visits in seen for text, _ in visits)
        likeness = dict(zip(texts, _kernel(self.memory.embed([state, *texts])), strict=True))
        weighed = [[(likeness[text], reward) for text, reward in visits] for visits in seen]
        used = [(likeness[text], reward) for item in items for text, reward in item.data["visits"]]
        usual = _average(used, UNSURE)
        return [_average(visits, usual) for visits in weighed]

    def _credit(self, draft: Draft, trajectory: Trajectory) -> None:
        """The outcome goes to the cases that were used."""
        for id in count_uses(draft, trajectory):
            data = draft.items[id].data
            visits = [*data["visits"], [state_of(trajectory.task), trajectory.reward]]
            draft.set(id, "an episode used it", data={**data, "visits": visits[-self.visits :]})

    def _add(self, draft: Draft, trajectory: Trajectory, ids: Ids) -> None:
        done = deeds(trajectory)
        if not done:
            return
        mark = signature(trajectory.task.goal, done)
        twin = next((item for item in draft.items.values() if _same(item, trajectory, mark)), None)
        if twin is None:
            draft.add(self._made(trajectory, done, mark, ids.next(PREFIX)), "what was done, and what came of it")
        elif twin.status is not Status.RETIRED and trajectory.id not in twin.sources:
            self._merge(draft, twin, trajectory)

    def _made(self, trajectory: Trajectory, done: Sequence[Deed], mark: str, id: str) -> Item:
        last = done[-self.longest :]
        data = {
            "goal": line(trajectory.task.goal),
            "plan": [deed.call for deed in last],
            "opened": [list(deed.opened) for deed in last],
            "steps": len(done),
            "reward": trajectory.reward,
            "signature": mark,
            "visits": [],
        }
        return Item(id, self.kind, state_of(trajectory.task), data, **lineage([trajectory]))

    def _merge(self, draft: Draft, twin: Item, trajectory: Trajectory) -> None:
        """The same plan came to the same once more: one case stands for both."""
        other = lineage([trajectory])
        draft.set(
            twin.id,
            "the same was done again, and came to the same",
            sources=(*twin.sources, *other["sources"]),
            tasks=tuple(dict.fromkeys((*twin.tasks, *other["tasks"]))),
            trust=min(twin.trust, other["trust"], key=list(Trust).index),
        )

    def _make_room(self, draft: Draft) -> None:
        groups: dict[tuple[object, ...], list[Item]] = {}
        for item in draft.items.values():
            if item.status is not Status.RETIRED:
                groups.setdefault((item.suite, item.task_kind, succeeded(item)), []).append(item)
        for group in groups.values():
            for item in sorted(group, key=_worth)[: -self.keep]:
                draft.remove(item.id, f"of {len(group)} such cases the most useful {self.keep} stay")


def case(item: Item) -> str:
    """As the prompt shows it: what it was about and how it ended, then the calls."""
    data = item.data
    calls = map(Deed, data["plan"], [""] * len(data["plan"]), map(tuple, data["opened"]))
    left_out = data["steps"] - len(data["plan"])
    before = [f"({left_out} calls before these)"] * bool(left_out)
    return "\n".join([heading("Case", item), *before, *map(told, calls)])


def _by_similarity(bank: Cases, query: Query, near: Sequence[Scored]) -> list[Scored]:
    return list(near)


def _by_q(bank: Cases, query: Query, near: Sequence[Scored]) -> list[Scored]:
    """The nearest of either outcome by similarity and Q together."""
    good = [one for one in near if succeeded(one.item)][: bank.pool]
    pool = [*good, *[one for one in near if not succeeded(one.item)][: bank.pool]]
    values = bank.q(state_of(query.task), [one.item for one in pool])
    scores = [bank.weight * value + (1 - bank.weight) * one.score for value, one in zip(values, pool, strict=True)]
    order = sorted(range(len(pool)), key=lambda at: -scores[at])
    return [pool[at] for at in order]


_SELECT: Mapping[str, Callable[[Cases, Query, Sequence[Scored]], list[Scored]]] = {
    "q": _by_q,
    "similarity": _by_similarity,
}


def _kernel(vectors: np.ndarray) -> list[float]:
    """How much the first row resembles each of the others, in [0, 1]."""
    return [float(max(0.0, cosine)) ** SHARPNESS for cosine in vectors[1:] @ vectors[0]]


def _seen(item: Item) -> list[tuple[str, float]]:
    """(state, reward) of the episodes that used the case; its own counts where it succeeded, as a hope. A failure may
    be worth reading: its own outcome does not speak against it."""
    hope = [(item.text, 1.0)] if succeeded(item) else []
    return [*hope, *((state, reward) for state, reward in item.data["visits"])]


def _average(weighed: Iterable[tuple[float, float]], usual: float) -> float:
    pairs = [(DOUBT, usual), *weighed]
    return sum(weight * reward for weight, reward in pairs) / sum(weight for weight, _ in pairs)


def _worth(item: Item) -> tuple[bool, float, str]:
    """Proven ones above all; then by the average outcome, the newer of equal ones higher."""
    return item.status is Status.ACTIVE, _average([(1.0, reward) for _, reward in _seen(item)], UNSURE), item.id


def _same(item: Item, trajectory: Trajectory, mark: str) -> bool:
    return (
        item.data["signature"] == mark
        and item.data["reward"] == trajectory.reward
        and (item.suite, item.task_kind) == (trajectory.task.suite, trajectory.task.kind)
    )
