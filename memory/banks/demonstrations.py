"""Demonstrations: the agent's own attempts as few-shot examples.

Which attempts are worth showing is told by their reward or, where nobody tells it, by how far attempts agree
(``memory/examples/confidence.py``, after USP, arXiv 2305.14926). Each is given a rationale that the model writes after
the fact, shown before the calls (Self-AMPLIFY, arXiv 2402.12038). They are picked for a task by confidence or by the
skills that it needs, and, adaptively, only for kinds of task at which the agent does badly without them, those first
that show what its failures lacked (AdaptMI and AdaptMI+, arXiv 2505.00147).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from knowhow.agents.prompt import render
from knowhow.agents.types import Decider, Query, Recalled
from knowhow.environments.discover import at_least
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite, Trajectory
from knowhow.memory.delta import Draft
from knowhow.memory.examples.attempts import attempted, standing
from knowhow.memory.examples.confidence import agreement, confidence
from knowhow.memory.examples.deeds import Deed, deeds, line, shortened, signature, skills, words
from knowhow.memory.examples.examples import balanced, count_uses, heading, state_of, succeeded, whole
from knowhow.memory.lineage import Ids, lineage, refuse_test
from knowhow.memory.recall import CHARACTERS_A_TOKEN, nearest
from knowhow.memory.reflect import PACKAGE, ask_json, outcome
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Scored, Status

PREFIX = "dem"
_INTRODUCTION = """# Examples
Worked examples: other tasks, and how they were done. Do likewise as far as they fit."""


@dataclass
class Demonstrations:
    """Settings: ``pick`` is how examples are chosen for a task, "confidence", "skill" or "adaptive"; ``rationales``
    whether the model explains each. ``below`` is the success, in [0, 1], from which "adaptive" shows nothing; ``sure``
    the confidence, in [0, 1], that an attempt of unknown outcome needs. A failure is shown, as one, where successes are
    too few, and at most ``failures`` of them before these (0: none is kept, as in the papers). ``keep`` bounds the
    examples of each kind of task, ``tokens`` the size of each; ``at_once`` is how many explanations are asked at a
    time."""

    memory: Memory
    ask: Decider
    suite: Suite | None = None
    pick: str = "adaptive"
    rationales: bool = True
    below: float = 0.8
    sure: float = 0.5
    failures: int = 1
    keep: int = 6
    tokens: int = 600
    at_once: int = 8
    kind: str = "demonstrations"
    most: int | None = 3

    def __post_init__(self) -> None:
        if self.pick not in _PICK:
            raise BadSetting(f"pick={self.pick!r} is none of {', '.join(_PICK)}")
        for name in ("below", "sure"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadSetting(f"{name}={getattr(self, name)!r} is not between 0 and 1")
        at_least(1, keep=self.keep, tokens=self.tokens, at_once=self.at_once)

    def rank(self, query: Query, items: Sequence[Item]) -> list[Scored]:
        """As picked, the first ``failures`` failures in their place and the rest behind all successes."""
        return balanced(_PICK[self.pick](self, query, nearest(self, query, items)), self.failures)

    def show(self, items: Sequence[Item]) -> Recalled:
        return Recalled("\n\n".join([_INTRODUCTION, *map(example, items)]) if items else "")

    async def learn(self, trajectories: Sequence[Trajectory]) -> list[Edit]:
        """How the agent did without examples, what became of those that used some, and for each kind of task the best
        attempts as new ones. Raises: ValueError for a test trajectory."""
        refuse_test(trajectories)
        draft = Draft({item.id: item for item in self.memory.items(self.kind, tuple(Status))})
        record = attempted(self.memory, draft.items, trajectories)
        for trajectory in trajectories:
            count_uses(draft, trajectory)
        chosen = self._best(draft, self._candidates(draft, trajectories))
        explained = await self._explained(chosen)
        ids = Ids(self.memory, self.kind, trajectories)
        for candidate, rationale in zip(chosen, explained, strict=True):
            draft.add(self._made(candidate, rationale, ids.next(PREFIX)), "one of the best attempts of its kind")
        return [*record, *draft.edits]

    def _candidates(self, draft: Draft, trajectories: Sequence[Trajectory]) -> list[_Candidate]:
        """The attempts that may serve as examples, one for each way to do it that is new."""
        usable = [(one, deeds(one)) for one in trajectories if whole(one) and (_good(one) or self.failures)]
        marks = [(_scope(one), signature(one.task.goal, done)) for one, done in usable]
        earlier = [(_scope_of(item), str(item.data["signature"])) for item in draft.items.values()]
        seen = {(*way, succeeded(item)) for way, item in zip(earlier, draft.items.values(), strict=True)}
        found = []
        for at, ((one, done), (scope, mark)) in enumerate(zip(usable, marks, strict=True)):
            others = [other for where, other in (*marks[:at], *marks[at + 1 :], *earlier) if where == scope]
            sure = confidence(agreement(mark, others), one.reward)
            way = (scope, mark, one.reward is not None and one.success)
            if done and way not in seen and (one.reward is not None or sure >= self.sure):
                found.append(_Candidate(one, done, mark, sure))
                seen.add(way)
        return found

    def _best(self, draft: Draft, candidates: Sequence[_Candidate]) -> list[_Candidate]:
        """Those among the best of their kind of task; old ones that no longer are leave the draft."""
        groups: dict[tuple[str, str], list[Item | _Candidate]] = {}
        for item in draft.items.values():
            if item.status is not Status.RETIRED:
                groups.setdefault(_scope_of(item), []).append(item)
        for candidate in candidates:
            groups.setdefault(_scope(candidate.trajectory), []).append(candidate)
        chosen = []
        for group in groups.values():
            best = sorted(group, key=_worth, reverse=True)
            chosen += [one for one in best[: self.keep] if isinstance(one, _Candidate)]
            for one in best[self.keep :]:
                if isinstance(one, Item):
                    draft.remove(one.id, f"{self.keep} others are better examples of its kind of task")
        return chosen

    async def _explained(self, candidates: Sequence[_Candidate]) -> list[str]:
        """A rationale for each; empty where none is wanted, or none can be read."""
        gate = asyncio.Semaphore(self.at_once)

        async def explain(candidate: _Candidate) -> str:
            async with gate:
                one = candidate.trajectory
                told = self._told(candidate)
                prompt = render("rationale", PACKAGE, goal=one.task.goal, outcome=outcome(one), attempt=told)
                said = await ask_json(self.ask, prompt, one.seed)
                return line(str((said or {}).get("rationale") or ""))

        return list(await asyncio.gather(*map(explain, candidates))) if self.rationales else [""] * len(candidates)

    def _told(self, candidate: _Candidate) -> str:
        return shortened(candidate.trajectory.task.goal, candidate.done, self.tokens * CHARACTERS_A_TOKEN)

    def _made(self, candidate: _Candidate, rationale: str, id: str) -> Item:
        one = candidate.trajectory
        data = {
            "goal": line(one.task.goal),
            "transcript": self._told(candidate),
            "rationale": rationale,
            "skills": skills(candidate.done),
            "steps": len(candidate.done),
            "reward": one.reward,
            "confidence": round(candidate.confidence, 4),
            "signature": candidate.mark,
        }
        return Item(id, self.kind, state_of(one.task), data, **lineage([one]))


@dataclass(frozen=True)
class _Candidate:
    trajectory: Trajectory
    done: Sequence[Deed]
    mark: str
    confidence: float


def example(item: Item) -> str:
    """As the prompt shows it: what it was about and how it ended, why it was done so, then the calls."""
    why = [f"Why: {item.data['rationale']}"] * bool(item.data["rationale"])
    return "\n".join([heading("Example", item), *why, item.data["transcript"]])


def _scope(trajectory: Trajectory) -> tuple[str, str]:
    return trajectory.task.suite, trajectory.task.kind


def _scope_of(item: Item) -> tuple[str, str]:
    return item.suite, item.task_kind


def _good(trajectory: Trajectory) -> bool:
    """As far as is known."""
    return trajectory.reward is None or trajectory.success


def _worth(one: Item | _Candidate) -> tuple[bool, bool, float, int]:
    """Proven ones first, then those that are known to have succeeded, the surer, the shorter."""
    if isinstance(one, Item):
        return one.status is Status.ACTIVE, succeeded(one), one.data["confidence"], -one.data["steps"]
    return False, one.trajectory.reward is not None and _good(one.trajectory), one.confidence, -len(one.done)


def _by_confidence(bank: Demonstrations, query: Query, near: Sequence[Scored]) -> list[Scored]:
    """Of the same kind of task first, then the surest."""
    return sorted(
        near, key=lambda one: (one.item.task_kind == query.task.kind, one.item.data["confidence"]), reverse=True
    )


def _by_skill(
    bank: Demonstrations, query: Query, near: Sequence[Scored], tried: frozenset[str] = frozenset()
) -> list[Scored]:
    """Of the same kind of task first, its successes before its failures, then those of whose skills the largest part
    was not ``tried``, then those that show most of what the task names, then the nearest."""
    named = set(words(f"{query.task.kind} {query.task.goal}"))

    def suits(one: Scored) -> tuple[bool, bool, float, int]:
        own, same_kind = set(one.item.data["skills"]), one.item.task_kind == query.task.kind
        lacked = len(own - tried) / len(own) if tried and own else 0.0
        return same_kind, same_kind and succeeded(one.item), lacked, len(own & named)

    return sorted(near, key=suits, reverse=True)


def _adaptively(bank: Demonstrations, query: Query, near: Sequence[Scored]) -> list[Scored]:
    """By skill, those first that failures lacked; nothing where the agent does well without."""
    now = standing(bank.memory, query.task.suite, query.task.kind)
    return [] if (now.success or 0.0) >= bank.below else _by_skill(bank, query, near, now.tried)


_PICK: Mapping[str, Callable[[Demonstrations, Query, Sequence[Scored]], list[Scored]]] = {
    "confidence": _by_confidence,
    "skill": _by_skill,
    "adaptive": _adaptively,
}
