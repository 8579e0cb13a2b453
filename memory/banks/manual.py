"""The manual: typed rules that a Builder keeps, laid out by a Formulator, after AutoManual (arXiv 2405.16247).

What the Builder is asked depends on the case: a direct success, an indirect one, a failure that a rule led to, or one
of an agent that had the right rules. It reads one episode at a time, with the rules as the one before left them.
Beyond the paper: an episode without a known outcome is diagnosed by the model, and each rule counts the successes that
cited it and the failures that it is blamed for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from knowhow.agents.prompt import render
from knowhow.agents.transcript import transcript
from knowhow.agents.types import Decider, Query, Recalled
from knowhow.environments.discover import at_least
from knowhow.environments.types import Suite, Trajectory
from knowhow.memory.delta import Draft, Operation
from knowhow.memory.lineage import Ids, lineage, refuse_test
from knowhow.memory.recall import nearest
from knowhow.memory.reflect import PACKAGE, ask_json, outcome
from knowhow.memory.rules.diagnosis import Diagnosis, diagnose
from knowhow.memory.rules.outline import KIND as OUTLINE
from knowhow.memory.rules.outline import keep_outline, markdown, outline, read_categories
from knowhow.memory.rules.rules import TYPES, apply_change, by_type, confirm, read_changes
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Scored, Status, Trust

PREFIX = "rul"


@dataclass
class Manual:
    """Settings: ``max_rules`` is how many rules there may be before the Builder is asked to merge and delete;
    ``at_once``, how many episodes are diagnosed at a time."""

    memory: Memory
    ask: Decider
    suite: Suite | None = None
    max_rules: int = 32
    at_once: int = 8
    kind: str = "manual"
    most: int | None = None

    def __post_init__(self) -> None:
        at_least(1, max_rules=self.max_rules, at_once=self.at_once)

    def rank(self, query: Query, items: Sequence[Item]) -> list[Scored]:
        """Those most like the task first, a rule that mostly misled last."""
        return sorted(nearest(self, query, items), key=lambda one: one.item.harmful > one.item.helpful)

    def show(self, items: Sequence[Item]) -> Recalled:
        """The manual of these rules, by category."""
        return Recalled(markdown(outline(self.memory), sorted(items, key=lambda item: item.id)))

    async def learn(self, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """Diagnoses in parallel, then the Builder episode by episode, then the Formulator; all edits for one atomic
        batch. Raises: ValueError for a test trajectory."""
        refuse_test(trajectories)
        draft = Draft({item.id: item for item in self.memory.items(self.kind)})
        before = list(draft.items.values())
        diagnoses = await self._diagnosed(trajectories, {rule.id: rule.text for rule in before})
        _count(draft, trajectories, diagnoses)
        ids = Ids(self.memory, self.kind, trajectories)
        for trajectory, diagnosis in zip(trajectories, diagnoses, strict=True):
            await self._build(draft, trajectory, diagnosis, ids)
        if len(draft.items) > self.max_rules:
            await self._consolidate(draft, trajectories[-1])
        laid_out = await self._formulate(_sayable(draft.items.values()), trajectories, ids)
        return [*draft.edits, *laid_out]

    async def _diagnosed(self, trajectories: Sequence[Trajectory], rules: Mapping[str, str]) -> list[Diagnosis]:
        gate = asyncio.Semaphore(self.at_once)

        async def one(trajectory: Trajectory) -> Diagnosis:
            async with gate:
                return await diagnose(self.ask, trajectory, rules)

        return await asyncio.gather(*map(one, trajectories))

    async def _build(self, draft: Draft, trajectory: Trajectory, diagnosis: Diagnosis, ids: Ids) -> None:
        prompt = render(
            "build",
            PACKAGE,
            types=", ".join(TYPES),
            case=render(f"build_{diagnosis.case.replace(' ', '_')}", PACKAGE).strip(),
            rules=by_type(draft.items.values()),
            blamed=", ".join(diagnosis.blamed) or "None.",
            goal=trajectory.task.goal,
            outcome=outcome(trajectory),
            transcript=transcript(trajectory),
        )
        said = await ask_json(self.ask, prompt, trajectory.seed)
        retired = {item.text for item in self.memory.items(self.kind, (Status.RETIRED,))}

        def make(operation: Operation) -> Item:
            id = ids.next(PREFIX) if operation.type == "ADD" else ""
            return Item(id, self.kind, operation.content, **lineage([trajectory]))

        for change in read_changes(said):
            if change.operation.content not in retired:  # word for word, it had its trial
                apply_change(draft, change, make, _record(trajectory, diagnosis))

    async def _consolidate(self, draft: Draft, last: Trajectory) -> None:
        """Fewer rules: updates, merges and deletions, no new ones."""
        prompt = render(
            "consolidate",
            PACKAGE,
            types=", ".join(TYPES),
            most=self.max_rules,
            count=len(draft.items),
            rules=by_type(draft.items.values()),
        )
        said = await ask_json(self.ask, prompt, last.seed)
        for change in read_changes(said):
            if change.operation.type != "ADD":
                apply_change(draft, change, lambda operation: draft.items[operation.ids[0]])

    async def _formulate(self, rules: Sequence[Item], trajectories: Sequence[Trajectory], ids: Ids) -> list[Edit]:
        """The layout of these rules; nothing where they are what the manual was laid out for."""
        known = {item.id: item.text for item in self.memory.items(self.kind)}
        placed = {id for category in outline(self.memory) for id in category.rules}
        if not rules or (placed == {rule.id for rule in rules} and all(known.get(r.id) == r.text for r in rules)):
            return []
        said = await ask_json(self.ask, render("formulate", PACKAGE, rules=by_type(rules)), trajectories[-1].seed)
        draft = Draft({item.id: item for item in self.memory.items(OUTLINE)})
        categories = read_categories(said, [rule.id for rule in rules])
        if categories:
            keep_outline(draft, categories, rules, ids)
        return draft.edits


def _count(draft: Draft, trajectories: Sequence[Trajectory], diagnoses: Sequence[Diagnosis]) -> None:
    """Uses count the episodes that showed a rule, helpful the successes that cited it, harmful the failures that it
    led to; each of the latter two is a line of its validation record."""
    for id in list(draft.items):
        met = [pair for pair in zip(trajectories, diagnoses, strict=True) if id in pair[0].shown]
        good = [(t, d) for t, d in met if id in t.cited and d.case in ("direct success", "indirect success")]
        bad = [(t, d) for t, d in met if id in d.blamed]
        if met:
            numbers = {"uses": len(met), "helpful": len(good), "harmful": len(bad)}
            draft.count(id, **{name: number for name, number in numbers.items() if number})
        confirm(draft, id, [_record(t, d) for t, d in (*good, *bad)])


def _record(trajectory: Trajectory, diagnosis: Diagnosis) -> str:
    return f"{trajectory.id} ({trajectory.task.kind}): {diagnosis.case}"


def _sayable(rules: Iterable[Item]) -> list[Item]:
    """The rules that the key points may speak of: none that anybody may have written and nobody has vouched for."""
    return [rule for rule in rules if rule.trust is not Trust.OUTSIDE]
