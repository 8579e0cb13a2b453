"""Strategies: whole ways of going about a kind of task, proposed by a Guide, measured, cached and chosen by what they
cost, after EGuR (arXiv 2511.11519).

The Guide reads attempts with their outcome and cost beside the record of the strategies so far. The record is kept by
code: accuracy and cost by kind of task, from every episode that followed a strategy. An episode follows one strategy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from knowhow.agents.prompt import render
from knowhow.agents.transcript import transcript
from knowhow.agents.types import Decider, Manner, Query, Recalled
from knowhow.environments.discover import at_least
from knowhow.environments.types import Suite, Trajectory
from knowhow.memory.delta import Draft
from knowhow.memory.examples.examples import whole
from knowhow.memory.lineage import Ids, lineage, refuse_test
from knowhow.memory.recall import nearest
from knowhow.memory.reflect import PACKAGE, ask_json, outcome
from knowhow.memory.store import Memory
from knowhow.memory.strategy.strategy import Strategy, affordable, known_methods, manner_of, read_strategy, strategy_of
from knowhow.memory.strategy.track import choose, overall, recorded, track
from knowhow.memory.types import Edit, Item, Scored, Status

PREFIX = "stg"


@dataclass
class Strategies:
    """Settings: ``proposals``, how many strategies the Guide may propose at a time; ``studied``, how many attempts it
    reads; ``others``, how many strategies for other kinds of task; ``keep``, how many strategies there are at most for
    a kind."""

    memory: Memory
    ask: Decider
    suite: Suite | None = None
    proposals: int = 2
    studied: int = 6
    others: int = 6
    keep: int = 6
    kind: str = "strategies"
    most: int | None = 1

    def __post_init__(self) -> None:
        at_least(1, proposals=self.proposals, studied=self.studied, keep=self.keep)
        at_least(0, others=self.others)

    def rank(self, query: Query, items: Sequence[Item]) -> list[Scored]:
        """Those for this kind of task in the order of choice; where there are none, all by meaning. What cannot be
        followed here is left out."""
        usable = [item for item in items if strategy_of(item) is not None]
        own = [item for item in usable if _is_for(item, query.task.suite, query.task.kind)]
        return choose(own, query.task.kind, query.seed) if own else nearest(self, query, usable)

    def show(self, items: Sequence[Item]) -> Recalled:
        """The prompt of the first, and its manner of deciding."""
        found = [(item, strategy) for item in items[:1] if (strategy := strategy_of(item)) is not None]
        text = "\n".join(f"# Strategy\n{_listed(item)}" for item, _ in found)
        return Recalled(text, manner=next((_manner(strategy) for _, strategy in found), None))

    async def learn(self, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """The record, then the Guide's proposals for each kind of task that was met; of each kind the best stay.
        Raises: ValueError for a test trajectory."""
        refuse_test(trajectories)
        draft = Draft({item.id: item for item in self.memory.items(self.kind)})
        _consolidate(draft, trajectories)
        groups: dict[tuple[str, str], list[Trajectory]] = {}
        for one in filter(whole, trajectories):
            groups.setdefault((one.task.suite, one.task.kind), []).append(one)
        known = list(draft.items.values())
        replies = await asyncio.gather(*(self._guided(known, group) for group in groups.values()))
        ids = Ids(self.memory, self.kind, trajectories)
        for group, proposed in zip(groups.values(), replies, strict=True):
            self._add(draft, group, proposed, ids)
            self._make_room(draft, group[0].task.suite, group[0].task.kind)
        return draft.edits

    async def _guided(self, known: Sequence[Item], group: Sequence[Trajectory]) -> list[tuple[Strategy, list[int]]]:
        """What the Guide proposes for the task kind of these attempts, as far as it can be followed, with the numbers
        of the attempts behind each."""
        suite, kind = group[0].task.suite, group[0].task.kind
        attempts = self._studied(group)
        own = [item for item in known if _is_for(item, suite, kind)]
        prompt = render(
            "guide",
            PACKAGE,
            most=self.proposals,
            methods="\n".join(known_methods()),
            kind=kind,
            tools=", ".join(sorted({step.call.name for one in group for step in one.steps if step.call is not None})),
            own="\n\n".join(_told(item, kind) for item in own) or "There are none yet.",
            others="\n\n".join(_told(item, item.task_kind) for item in self._best_others(known, own)) or "None.",
            attempts="\n\n".join(_attempt(number, one, known) for number, one in enumerate(attempts, 1)),
        )
        said = await ask_json(self.ask, prompt, group[0].seed) or {}
        listed = said.get("strategies")
        found = []
        for raw in [raw for raw in (listed if isinstance(listed, list) else []) if isinstance(raw, dict)]:
            strategy = read_strategy(raw)
            if strategy is not None and await affordable(strategy):
                found.append((strategy, _numbers(raw.get("from"))))
        return found[: self.proposals]

    def _studied(self, group: Sequence[Trajectory]) -> list[Trajectory]:
        """The cheapest successes, and at least one attempt of another outcome where there is one."""
        by_cost = sorted(group, key=lambda one: one.usage.tokens)
        good = [one for one in by_cost if one.reward is not None and one.success]
        bad = [one for one in group if one not in good]
        return [*good[: self.studied - bool(bad)], *bad][: max(1, self.studied)]

    def _best_others(self, known: Sequence[Item], own: Sequence[Item]) -> list[Item]:
        """The best of each other kind of task, as far as there is room."""
        best: dict[tuple[str, str], Item] = {}
        for item in sorted((item for item in known if item not in own), key=_worth):
            best[item.suite, item.task_kind] = item
        return sorted(best.values(), key=_worth, reverse=True)[: self.others]

    def _add(
        self, draft: Draft, group: Sequence[Trajectory], proposed: Iterable[tuple[Strategy, list[int]]], ids: Ids
    ) -> None:
        attempts = self._studied(group)
        every = self.memory.items(self.kind, tuple(Status))
        had = {(item.text, item.suite, item.task_kind, *_settings(item)) for item in (*every, *draft.items.values())}
        for strategy, numbers in proposed:
            data = {**strategy.settings, "record": {}}
            taught = [attempts[number - 1] for number in numbers if 0 < number <= len(attempts)] or attempts
            item = Item(ids.next(PREFIX), self.kind, strategy.text, data, **lineage(taught))
            mark = (item.text, item.suite, item.task_kind, *_settings(item))
            if mark not in had:
                had.add(mark)
                draft.add(item, "the Guide proposed it")

    def _make_room(self, draft: Draft, suite: str, kind: str) -> None:
        own = [item for item in draft.items.values() if _is_for(item, suite, kind) and item.task_kind]
        for item in sorted(own, key=_worth)[: -self.keep]:
            draft.remove(item.id, f"of {len(own)} strategies for {kind} the best {self.keep} stay")


def _consolidate(draft: Draft, trajectories: Sequence[Trajectory]) -> None:
    """The Consolidator: what came of following each strategy."""
    for item in list(draft.items.values()):
        followed = [one for one in trajectories if item.id in one.shown]
        known = [one for one in followed if one.reward is not None]
        if followed:
            good = sum(one.success for one in known)
            counts = {"uses": len(followed), "helpful": good, "harmful": len(known) - good}
            draft.count(item.id, **{name: number for name, number in counts.items() if number})
        if known:
            record = recorded(item, known)
            draft.set(item.id, "episodes followed it", data={**item.data, "record": record})


def _is_for(item: Item, suite: str, kind: str) -> bool:
    return item.suite in ("", suite) and item.task_kind in ("", kind)


def _worth(item: Item) -> tuple[bool, float, str]:
    """Proven ones above all; then by accuracy, the newer of equal ones higher."""
    return item.status is Status.ACTIVE, overall(item).accuracy, item.id


def _manner(strategy: Strategy) -> Manner | None:
    plain = strategy.temperature is None and not strategy.tools and not strategy.method
    return None if plain else manner_of(strategy)


def _listed(item: Item) -> str:
    """Its lines, each under the strategy's id, so that none can pass for another part of the prompt."""
    purpose, *lines = item.text.splitlines()
    return "\n".join([f"For: {purpose}", *(f"- [{item.id}] {line}" for line in lines)])


def _told(item: Item, kind: str) -> str:
    """As the Guide reads it."""
    data = item.data
    settings = (
        f"temperature {data['temperature']}, tools {', '.join(data['tools']) or 'all'}, method {data['method']!r}"
    )
    return f"## {item.id}: {track(item, kind)}; {settings}\n{_listed(item)}"


def _attempt(number: int, one: Trajectory, known: Sequence[Item]) -> str:
    followed = ", ".join(item.id for item in known if item.id in one.shown) or "none"
    cost = f"{one.usage.calls} calls, {one.usage.tokens:,} tokens"
    head = f"## Attempt {number}\nTask: {one.task.goal}\nStrategy: {followed}\nOutcome: {outcome(one)}\nCost: {cost}"
    return f"{head}\n{transcript(one)}"


def _settings(item: Item) -> tuple[float | None, tuple[str, ...], str]:
    data = item.data
    return data.get("temperature"), tuple(data.get("tools") or ()), str(data.get("method") or "")


def _numbers(value: object) -> list[int]:
    return [n for n in value if isinstance(n, int) and not isinstance(n, bool)] if isinstance(value, list) else []
