"""The playbook: an evolving context of itemised bullets, after Agentic Context Engineering (ACE, arXiv 2510.04618).

Generator (the agent, which cites bullets), Reflector and Curator as in the paper; every delta is applied by code
(``memory/delta.py``). Beyond its public code: UPDATE, MERGE and REMOVE are carried out, duplicates are merged by
meaning, the token budget is kept when the context is rendered, ids never repeat, and each bullet knows the episodes
that it came from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from knowhow.agents.prompt import render
from knowhow.agents.types import Decider, Query, Recalled
from knowhow.environments.discover import at_least
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite, Trajectory
from knowhow.memory.delta import Draft, Operation, apply_operation, merge, read_operations
from knowhow.memory.lineage import Ids, lineage, refuse_test
from knowhow.memory.recall import CHARACTERS_A_TOKEN, nearest
from knowhow.memory.reflect import PACKAGE, Reflection, ask_json, reflect_all
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Scored, Status

SECTIONS: Mapping[str, str] = {
    "strategies": "str",
    "mechanics": "mec",
    "mistakes": "mis",
    "facts": "fac",
    "tools": "too",
    "others": "oth",
}


@dataclass
class Playbook:
    """Settings: ``token_budget``, the rendered size above which duplicates are merged; ``duplicate``, the cosine
    similarity from which two bullets are one; ``dedup``: "eager" (after every delta), "lazy" (only when the playbook
    outgrows its budget) or "never"; ``curate``, how many reflections one Curator call reads; ``at_once``, how many
    reflections are asked at a time."""

    memory: Memory
    ask: Decider
    suite: Suite | None = None
    token_budget: int = 8000
    duplicate: float = 0.92
    dedup: str = "lazy"
    curate: int = 8
    at_once: int = 8
    sections: Mapping[str, str] = field(default_factory=lambda: SECTIONS)
    kind: str = "playbook"
    most: int | None = None

    def __post_init__(self) -> None:
        if self.dedup not in ("eager", "lazy", "never"):
            raise BadSetting(f"dedup={self.dedup!r} is none of eager, lazy, never")
        if not (isinstance(self.duplicate, int | float) and 0 < self.duplicate <= 1):
            raise BadSetting(f"duplicate={self.duplicate!r} is no similarity above 0 and up to 1")
        at_least(1, token_budget=self.token_budget, curate=self.curate, at_once=self.at_once)

    def rank(self, query: Query, items: Sequence[Item]) -> list[Scored]:
        """Those most like the task first, a bullet that mostly harmed last."""
        return sorted(nearest(self, query, items), key=lambda one: one.item.harmful > one.item.helpful)

    def show(self, items: Sequence[Item]) -> Recalled:
        """Bullets in the order of sections and ids, whatever they were chosen by: a prompt's beginning stays the
        same."""
        return Recalled(self.render(self._sorted(items)))

    async def learn(self, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """Reflections in parallel, then curation; all edits for one atomic batch. Raises: ValueError for a test
        trajectory."""
        refuse_test(trajectories)
        draft = Draft(self._items())
        bullets = {id: item.text for id, item in draft.items.items()}
        reflections = await reflect_all(self.ask, trajectories, bullets, at_once=self.at_once)
        _count(draft, trajectories, reflections)
        ids = Ids(self.memory, self.kind, trajectories)
        for start in range(0, len(reflections), self.curate):
            await self._curate(draft, reflections[start : start + self.curate], ids)
        if self.dedup == "eager" or (self.dedup == "lazy" and _tokens(draft.items.values()) > self.token_budget):
            await asyncio.to_thread(self._merge_duplicates, draft)
        return draft.edits

    def render(self, items: Iterable[Item]) -> str:
        """Bullets under their sections, as the prompt shows them; empty where there are none."""
        listed: dict[str, list[str]] = {}
        for item in items:
            listed.setdefault(self._section(item), []).append(bullet(item))
        blocks = [f"## {name.capitalize()}\n" + "\n".join(listed[name]) for name in self.sections if name in listed]
        return "\n\n".join(["# Playbook", *blocks]) if blocks else ""

    async def _curate(self, draft: Draft, reflections: Sequence[Reflection], ids: Ids) -> None:
        worth = [
            reflection
            for reflection in reflections
            if reflection.key_insight.strip() or reflection.correct_approach.strip()
        ]
        if not worth:
            return
        prompt = render(
            "curate",
            PACKAGE,
            sections=", ".join(self.sections),
            playbook=self.render(draft.items.values()) or "# Playbook\nIt is empty.",
            reflections="\n\n".join(_told(number, reflection) for number, reflection in enumerate(worth, 1)),
        )
        said = await ask_json(self.ask, prompt, worth[0].trajectory.seed)

        def make(operation: Operation) -> Item:
            taught = [worth[number - 1].trajectory for number in operation.sources if 0 < number <= len(worth)]
            return self._new_item(operation, taught or [reflection.trajectory for reflection in worth], ids)

        retired = {item.text for item in self.memory.items(self.kind, (Status.RETIRED,))}
        for operation in read_operations(said):
            if operation.content not in retired:  # word for word, it had its trial
                apply_operation(draft, operation, make)

    def _new_item(self, operation: Operation, taught: Sequence[Trajectory], ids: Ids) -> Item:
        section = operation.section if operation.section in self.sections else "others"
        return Item(
            id=ids.next(self.sections[section]) if operation.type == "ADD" else "",
            kind=self.kind,
            text=operation.content,
            data={"section": section},
            **lineage(taught),
        )

    def _items(self) -> dict[str, Item]:
        return {item.id: item for item in self._sorted(self.memory.items(self.kind))}

    def _sorted(self, items: Iterable[Item]) -> list[Item]:
        order = {name: place for place, name in enumerate(self.sections)}
        return sorted(items, key=lambda item: (order.get(self._section(item), len(order)), item.id))

    def _section(self, item: Item) -> str:
        section = str(item.data.get("section", "others"))
        return section if section in self.sections else "others"

    def _merge_duplicates(self, draft: Draft) -> None:
        """Grow-and-refine: of two bullets of one section that mean the same, the better proven one stays and takes
        both counters."""
        items = list(draft.items.values())
        vectors = self.memory.embed([item.text for item in items])
        alike = vectors @ vectors.T >= self.duplicate
        for at, item in enumerate(items):
            twins = [
                other
                for place, other in enumerate(items)
                if place > at and alike[at, place] and self._section(other) == self._section(item)
            ]
            here = [other for other in (item, *twins) if other.id in draft.items]
            if item.id in draft.items and len(here) > 1:
                here.sort(key=lambda other: (other.harmful - other.helpful, other.id))
                merge(draft, [other.id for other in here], here[0].text, "they say the same")


def bullet(item: Item) -> str:
    """One line: ``[str-00001] helpful=3 harmful=0 :: text`` (the paper's format)."""
    return f"[{item.id}] helpful={item.helpful} harmful={item.harmful} :: {item.text}"


def _count(draft: Draft, trajectories: Sequence[Trajectory], reflections: Sequence[Reflection]) -> None:
    """Uses count the episodes that showed a bullet; helpful and harmful the Reflector's tags."""
    counts: dict[str, dict[str, int]] = {}
    for trajectory in trajectories:
        for id in trajectory.shown:
            counts.setdefault(id, {}).setdefault("uses", 0)
            counts[id]["uses"] += 1
    for reflection in reflections:
        for id, tag in reflection.tags.items():
            if tag != "neutral":
                counts.setdefault(id, {})[tag] = counts.get(id, {}).get(tag, 0) + 1
    for id in sorted(counts):
        if id in draft.items:
            draft.count(id, **counts[id])


def _told(number: int, reflection: Reflection) -> str:
    lines = [f"[{number}] A {reflection.trajectory.task.kind} task: {reflection.trajectory.task.goal}"]
    parts = {
        "Error": reflection.error,
        "Root cause": reflection.root_cause,
        "Correct approach": reflection.correct_approach,
        "Insight": reflection.key_insight,
    }
    return "\n".join([*lines, *(f"{name}: {text}" for name, text in parts.items() if text.strip())])


def _tokens(items: Iterable[Item]) -> int:
    return sum(len(bullet(item)) for item in items) // CHARACTERS_A_TOKEN
