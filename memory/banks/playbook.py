"""The playbook: an evolving context of itemised bullets, after Agentic Context Engineering (ACE, arXiv 2510.04618).

Generator (the agent, which cites bullets), Reflector and Curator as in the paper; every delta is applied by code
(``memory/delta.py``). Beyond its public code: UPDATE, MERGE and REMOVE are carried out, duplicates are merged by
meaning, the token budget is kept when the context is rendered, ids never repeat, and each bullet knows the episodes
that it came from.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from knowhow.agents.prompt import render
from knowhow.agents.types import Decider, Query, Recalled
from knowhow.environments.discover import at_least
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Trajectory
from knowhow.memory.delta import Draft, Operation, apply_operation, merge, read_operations
from knowhow.memory.reflect import PACKAGE, Reflection, ask_json, reflect_all
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Status, Trust
from knowhow.memory.withhold import split

SECTIONS: Mapping[str, str] = {
    "strategies": "str",
    "mechanics": "mec",
    "mistakes": "mis",
    "facts": "fac",
    "tools": "too",
    "others": "oth",
}
CHARACTERS_A_TOKEN = 4


@dataclass
class Playbook:
    """Settings: ``token_budget`` of the rendered context; ``duplicate`` is the cosine similarity from which two
    bullets are one; ``dedup`` is "eager" (after every delta), "lazy" (only when the playbook outgrows its budget)
    or "never"; ``curate`` is how many reflections one Curator call reads; ``at_once`` how many reflections are
    asked at a time."""

    memory: Memory
    ask: Decider
    token_budget: int = 8000
    duplicate: float = 0.92
    dedup: str = "lazy"
    curate: int = 8
    at_once: int = 8
    sections: Mapping[str, str] = field(default_factory=lambda: SECTIONS)
    kind: str = "playbook"

    def __post_init__(self) -> None:
        if self.dedup not in ("eager", "lazy", "never"):
            raise BadSetting(f"dedup={self.dedup!r} is none of eager, lazy, never")
        if not (isinstance(self.duplicate, int | float) and 0 < self.duplicate <= 1):
            raise BadSetting(f"duplicate={self.duplicate!r} is no similarity above 0 and up to 1")
        at_least(1, token_budget=self.token_budget, curate=self.curate, at_once=self.at_once)

    async def recall(self, query: Query) -> Recalled:
        """The whole playbook where it fits the budget, else the bullets most like the task; in the order of sections
        and ids; without those that the query goes without."""
        items = self._items()
        if _tokens(items.values()) > self.token_budget:
            items = self._most_like(query, items)
        shown, withheld = split(items, query)
        return Recalled(self.render(shown.values()), tuple(shown), withheld)

    async def learn(self, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """Reflections in parallel, then curation; all edits for one atomic batch. Raises: ValueError for a test
        trajectory."""
        tested = [trajectory.id for trajectory in trajectories if trajectory.task.split == "test"]
        if tested:
            raise ValueError(f"episode {tested[0]} is of the test split; nothing is learned from it")
        draft = Draft(self._items())
        bullets = {id: item.text for id, item in draft.items.items()}
        reflections = await reflect_all(self.ask, trajectories, bullets, at_once=self.at_once)
        _count(draft, trajectories, reflections)
        ids = _Ids(self.memory, self.sections, "/".join(trajectory.id for trajectory in trajectories))
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

    async def _curate(self, draft: Draft, reflections: Sequence[Reflection], ids: _Ids) -> None:
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

    def _new_item(self, operation: Operation, taught: Sequence[Trajectory], ids: _Ids) -> Item:
        section = operation.section if operation.section in self.sections else "others"
        kinds = {trajectory.task.kind for trajectory in taught}
        return Item(
            id=ids.next(section) if operation.type == "ADD" else "",
            kind=self.kind,
            text=operation.content,
            data={"section": section},
            suite=taught[0].task.suite,
            task_kind=kinds.pop() if len(kinds) == 1 else "",
            split=taught[0].task.split,
            sources=tuple(trajectory.id for trajectory in taught),
            trust=Trust.REFLECTION if any(trajectory.reward is None for trajectory in taught) else Trust.VERIFIED,
        )

    def _items(self) -> dict[str, Item]:
        order = {name: place for place, name in enumerate(self.sections)}
        items = [item for item in self.memory.items(self.kind) if item.status is not Status.RETIRED]
        return {
            item.id: item
            for item in sorted(items, key=lambda item: (order.get(self._section(item), len(order)), item.id))
        }

    def _section(self, item: Item) -> str:
        section = str(item.data.get("section", "others"))
        return section if section in self.sections else "others"

    def _most_like(self, query: Query, items: dict[str, Item]) -> dict[str, Item]:
        """As many bullets as the budget holds, most similar to the task first, a bullet that mostly harmed last."""
        found = self.memory.search(f"{query.task.kind} {query.task.goal}", len(items), kind=self.kind)
        ranked = sorted(found, key=lambda pair: (pair[0].harmful > pair[0].helpful, -pair[1]))
        chosen: set[str] = set()
        left = self.token_budget
        for item, _ in ranked:
            cost = _tokens([item])
            if item.id in items and cost <= left:
                chosen.add(item.id)
                left -= cost
        return {id: item for id, item in items.items() if id in chosen}

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


class _Ids:
    """New ids in the order of use; learning from the same episodes again, after an interruption, names everything the
    same."""

    def __init__(self, memory: Memory, sections: Mapping[str, str], occasion: str) -> None:
        self.memory = memory
        self.sections = sections
        self.occasion = hashlib.sha256(f"{memory.version}/{occasion}".encode()).hexdigest()[:16]
        self.used = 0

    def next(self, section: str) -> str:
        self.used += 1
        return self.memory.journal.new_ids(self.sections[section], 1, key=f"{self.occasion}/{self.used}")[0]


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
