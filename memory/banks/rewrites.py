"""Rewrites: how requests that failed were said again so that they worked.

Mined from sessions with an absorbing Markov chain (feedback-based self-learning, arXiv 1911.02557): for a request that
fails, the wording through which people who began with it most probably got what they wanted. What a rewrite does is
judged by a Beta posterior over the episodes that it was shown in, apart from what people did by themselves, and it goes
when it hurts (its self-aware successor, arXiv 2205.00029). Beyond the papers, what changes from session to session is a
slot (``memory/rewriting/wordings.py``), so that a rewrite serves requests that nobody made before. No model is asked
anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from knowhow.agents.types import Decider, Query, Recalled
from knowhow.environments.discover import at_least
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import StopReason, Suite, Trajectory
from knowhow.memory.delta import Draft
from knowhow.memory.lineage import Ids, refuse_test
from knowhow.memory.rewriting import sessions, wordings
from knowhow.memory.rewriting.absorbing import Walks, absorbed
from knowhow.memory.rewriting.posterior import surely_below, surely_under
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Scored, Status, Trust

PREFIX = "rew"
_INTRODUCTION = """# Rewrites
Requests worded like this task failed before. Read the task as the wording that people came to use instead."""
_CUT_OFF = (StopReason.BUDGET, StopReason.ERROR)
_ARROW = " => "
"""An item's text is the request, this, and the rewrite, so that a person who edits it edits both."""
_SLOT = 0.1
"""What a wording made of slots alone scores less than one made of words."""


@dataclass
class Rewrites:
    """Settings: ``fewest``, in how many sessions a rewrite must have helped; ``margin``, in (0, 1], how much more
    probable success must be with it; ``related``, the least cosine similarity of two wordings that name no thing in
    common, so that what people happen to say next is none; ``alike``, the similarity from which a request counts as
    the same; ``sure``, how probable it must be that a rewrite does harm for it to go; ``keep``, how many sessions are
    remembered."""

    memory: Memory
    ask: Decider
    suite: Suite | None = None
    fewest: int = 2
    margin: float = 0.2
    related: float = 0.1
    alike: float = 0.95
    sure: float = 0.95
    keep: int = 1000
    kind: str = "rewrites"
    most: int | None = 1

    def __post_init__(self) -> None:
        at_least(1, fewest=self.fewest, keep=self.keep)
        for name in ("margin", "alike", "sure"):
            if not 0 < getattr(self, name) <= 1:
                raise BadSetting(f"{name}={getattr(self, name)!r} must lie above 0 and up to 1")

    def rank(self, query: Query, items: Sequence[Item]) -> list[Scored]:
        """Those for this very wording, with what they make of the request; else those for one nearly the same."""
        goal = query.task.goal
        found = [scored for item in items if (scored := _reworded(item, goal)) is not None]
        return sorted(found, key=lambda one: (-one.score, one.item.id)) or self._nearly(goal, items)

    def show(self, items: Sequence[Item]) -> Recalled:
        lines = [f"[{item.id}] This request was better understood as: {item.data['rewrite']}" for item in items]
        return Recalled("\n".join([_INTRODUCTION, *lines]) if lines else "")

    async def learn(self, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """The outcomes of the rewrites that were shown, the sessions as they are now, and what follows from both.
        Raises: ValueError for a test trajectory."""
        refuse_test(trajectories)
        every = [*self.memory.items(self.kind, tuple(Status)), *self.memory.items(sessions.KIND, (Status.RECORD,))]
        draft = Draft({item.id: item for item in every})
        ids = Ids(self.memory, self.kind, trajectories)
        rewrites = [item.id for item in every if item.kind == self.kind]
        self._credit(draft, trajectories)
        sessions.record(draft, trajectories, rewrites, ids, self.keep)
        self._retire(draft)
        self._mine(draft, ids)
        return draft.edits

    def _nearly(self, goal: str, items: Sequence[Item]) -> list[Scored]:
        whole = [item for item in items if not wordings.slots_of(request_of(item))]
        if not whole:
            return []
        vectors = self.memory.embed([wordings.plain(goal), *map(request_of, whole)])
        near = zip(whole, (vectors[1:] @ vectors[0]).tolist(), strict=True)
        found = [Scored(_filled(item, {}), score) for item, score in near if score >= self.alike]
        return sorted(found, key=lambda one: (-one.score, one.item.id))

    def _credit(self, draft: Draft, trajectories: Sequence[Trajectory]) -> None:
        known = [one for one in trajectories if one.reward is not None and one.stop not in _CUT_OFF]
        wins = Counter(id for one in known if one.success for id in one.shown)
        uses = Counter(id for one in known for id in one.shown)
        for id in sorted(id for id in uses if id in draft.items and draft.items[id].kind == self.kind):
            won, lost = wins[id], uses[id] - wins[id]
            old = draft.items[id].data
            data = {**old, "wins": old.get("wins", 0) + won, "losses": old.get("losses", 0) + lost}
            draft.set(id, f"it was shown in {uses[id]} episodes, of which {won} succeeded", data=data)
            draft.count(id, uses=uses[id], helpful=won, harmful=lost)

    def _retire(self, draft: Draft) -> None:
        """Retire what most probably does worse than the request as it is, or than half of what sessions promised."""
        said = [turn for item in sessions.kept(draft) for turn in sessions.turns(item)]
        for item in list(self._alive(draft)):
            rate = (item.data.get("wins", 0), item.data.get("losses", 0))
            if not any(rate):
                continue
            own = [turn for turn in said if wordings.match(request_of(item), turn.request) is not None]
            alone = (sum(turn.won for turn in own), sum(turn.lost for turn in own))
            promised = item.data.get("promised", 0.5)
            if surely_below(rate, alone) >= self.sure:
                why = f"it hurts: {_told(rate)} with it, {_told(alone)} without"
            elif surely_under(rate, promised / 2) >= self.sure:
                why = f"it does not help: {_told(rate)}, where sessions promised {promised:.0%}"
            else:
                continue
            draft.set(item.id, why, status=Status.RETIRED)

    def _mine(self, draft: Draft, ids: Ids) -> None:
        """A rewrite for each request that has none and fails where another wording does not."""
        heard = sessions.Heard.of(draft)
        alive = [request_of(item) for item in self._alive(draft)]
        tried = {
            (request_of(item), item.data.get("wording")) for item in draft.items.values() if item.kind == self.kind
        }
        for request, walks in absorbed(heard.tallied()):
            for other in self._better(request, walks) if request else ():
                behind = heard.helped(request, other)
                if len(behind) < self.fewest or (request, other) in tried:
                    continue
                if not any(wordings.match(known, request) is not None for known in alive):
                    made = self._made(request, other, heard.written[other], walks, behind, ids)
                    draft.add(made, "people got further with it")
                break

    def _better(self, request: str, walks: Walks) -> Iterator[str]:
        """The wordings that may replace a request, by the probability of success through them, the highest first."""
        least = walks.through.get(request, 0.0)
        for other in sorted(walks.through, key=lambda one: (-walks.through[one], one)):
            if walks.through[other] <= least:
                return
            gain = walks.at_once[other] - walks.at_once[request]
            fillable = {*wordings.slots_of(other)} <= {*wordings.slots_of(request)}
            if other != request and gain >= self.margin and fillable and self._related(request, other):
                yield other

    def _related(self, one: str, other: str) -> bool:
        """Whether both name the same thing, or resemble each other."""
        if {*wordings.slots_of(one)} & {*wordings.slots_of(other)}:
            return True
        vectors = self.memory.embed([one, other])
        return bool(vectors[0] @ vectors[1] >= self.related)

    def _made(self, request: str, other: str, written: str, walks: Walks, behind: Sequence[Item], ids: Ids) -> Item:
        rewrite = other if wordings.slots_of(other) else " ".join(written.split())
        data = {
            "wording": other,
            "promised": round(walks.at_once[other], 4),
            "through": round(walks.through[other], 4),
            "sessions": len(behind),
            "wins": 0,
            "losses": 0,
        }
        return Item(ids.next(PREFIX), self.kind, f"{request}{_ARROW}{rewrite}", data, **_origin(behind))

    def _alive(self, draft: Draft) -> Iterator[Item]:
        return (i for i in draft.items.values() if i.kind == self.kind and i.status is not Status.RETIRED)


def request_of(item: Item) -> str:
    """The wording that an item rewrites."""
    return item.text.partition(_ARROW)[0]


def _reworded(item: Item, goal: str) -> Scored | None:
    """The item with its rewrite of this goal, where it is for this wording."""
    request = request_of(item)
    slots = wordings.match(request, goal) if request else None
    if slots is None:
        return None
    return Scored(_filled(item, slots), 1 - _SLOT * len(slots) / len(request.split()))


def _filled(item: Item, slots: Mapping[str, str]) -> Item:
    rewrite = wordings.fill(item.text.partition(_ARROW)[2], slots)
    return replace(item, data={**item.data, "rewrite": rewrite})


def _origin(behind: Sequence[Item]) -> dict[str, Any]:
    """Where a rewrite comes from: all the episodes and tasks of its sessions, and the least trusted of their tiers."""
    suites, kinds = {item.suite for item in behind}, {item.task_kind for item in behind}
    return {
        "suite": suites.pop() if len(suites) == 1 else "",
        "task_kind": kinds.pop() if len(kinds) == 1 else "",
        "split": behind[0].split,
        "sources": tuple(dict.fromkeys(source for item in behind for source in item.sources)),
        "tasks": tuple(dict.fromkeys(task for item in behind for task in item.tasks)),
        "trust": min((item.trust for item in behind), key=list(Trust).index),
    }


def _told(rate: tuple[float, float]) -> str:
    return f"{rate[0]:g} of {rate[0] + rate[1]:g} episodes succeeded"
