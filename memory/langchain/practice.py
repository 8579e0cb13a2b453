"""The memory of an agent that others run: what its runs are given, what is kept of them, and what they teach.

Runs end one by one, in any thread or process; every so many of them, whoever ended the last one learns from all. Some
lessons are withheld at random, so that each proves itself by the runs that went without it.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from knowhow.agents.prompt import render
from knowhow.agents.types import Decider, Query, Recall
from knowhow.environments.discover import at_least, build
from knowhow.environments.errors import BadSetting, Conflict, UnknownName
from knowhow.environments.types import Task, Trajectory
from knowhow.memory.episodes import Episodes
from knowhow.memory.langchain.chat_episode import SUITE, Begun
from knowhow.memory.learning import learned
from knowhow.memory.middleware import ABOUT
from knowhow.memory.promote import promotions
from knowhow.memory.proof.effects import Usual, of_episodes
from knowhow.memory.proof.withhold import some_withheld
from knowhow.memory.recall import recall_of
from knowhow.memory.reflect import PACKAGE
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit

BANKS, POLICIES = "knowhow.memory.banks", "knowhow.memory.policies"
PHASE = "agent"
"""The phase under which its episodes are kept; their ids are ``run-00001`` and on, in the order in which they ended."""
_WAITING = 8
"""Batches of runs that wait to be learned from, at most, while the model cannot be reached."""
_TRIES = 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Habits:
    """How an agent uses its memory.

    ``every``: runs between two lessons; ``withhold_rate``: the probability, in [0, 1), that a run goes without an item;
    ``tokens``: of context, at most; ``kind``: what its tasks are called; ``cite``: ask the agent to name the lessons
    that it follows; ``banks`` and ``policies``: specifications by name. Raises: BadSetting.
    """

    every: int = 8
    withhold_rate: float = 0.1
    tokens: int = 4000
    kind: str = "request"
    cite: bool = False
    banks: Sequence[str] = ("playbook",)
    policies: Sequence[str] = ()
    embedder: str = "hashing"

    def __post_init__(self) -> None:
        at_least(1, every=self.every, tokens=self.tokens)
        if not 0 <= self.withhold_rate < 1:
            raise BadSetting(f"withhold_rate={self.withhold_rate!r} is no probability of at least 0 and below 1")


@dataclass
class Practice:
    """One folder: ``journal.db`` with what was learned, ``episodes.db`` with the runs. Threads may share it."""

    folder: Path
    ask: Decider
    habits: Habits
    seed: int | None = None

    def __post_init__(self) -> None:
        self.memory = Memory.open(self.folder, embedder=self.habits.embedder, create=True)
        self.episodes = Episodes.open(self.folder, create=True)
        _mark(self.folder, self.habits)
        made = [build(BANKS, bank, self.memory, self.ask, None) for bank in self.habits.banks]
        policies = [build(POLICIES, policy, self.memory, self.ask, None) for policy in self.habits.policies]
        self._learners: list[Any] = [*made, *(policy for policy in policies if hasattr(policy, "learn"))]
        everything = recall_of(self.memory, made, policies, tokens=self.habits.tokens)
        self._recall: Recall = some_withheld(everything, self.habits.withhold_rate)
        self._waiting: deque[tuple[str, ...]] = deque(maxlen=_WAITING)
        self._random, self._lock, self._learning = Random(self.seed), threading.Lock(), threading.Lock()

    async def begin(self, goal: str, message: str) -> Begun:
        """What memory gives to a run. Of what banks offer, a chat agent gets the text: an ability or a manner of
        deciding it could not use."""
        with self._lock:
            seed = self._random.randrange(2**31)
        version = self.memory.version
        task = Task("", SUITE, "train", self.habits.kind, goal)
        recalled = await self._recall(Query(task, "", seed))
        unused = {ability.item for ability in recalled.abilities}
        shown = tuple(id for id in recalled.shown if id not in unused)
        prompt = "lessons_cited" if self.habits.cite else "lessons"
        text = render(prompt, PACKAGE, lessons=recalled.text) if recalled.text else ""
        return Begun(message, seed, text, shown, recalled.withheld, version)

    def keep(self, make: Callable[[str], Trajectory]) -> bool:
        """Store the run that ``make`` gives for its id; whether it is time to learn."""
        with self._lock:
            (id,) = self.memory.journal.new_ids("run")
            number = int(id.partition("-")[2])
            self.episodes.put(make(id), phase=PHASE, round=0, index=number)
            if number % self.habits.every:
                return False
            first = number - self.habits.every + 1
            self._waiting.append(tuple(f"run-{n:05d}" for n in range(first, number + 1)))
            return True

    async def learn(self) -> None:
        """Learn from every batch of runs that waits; where that fails, they wait for the next time.

        Nothing is raised: an agent goes on without what it could not learn, and the log says why.
        """
        if not self._learning.acquire(blocking=False):
            return  # the one at work takes them
        try:
            while self._waiting:
                ids = self._waiting.popleft()
                try:
                    await self._learn_of(ids)
                except Exception as error:
                    self._waiting.appendleft(ids)
                    _log.warning("nothing was learned from %s to %s, they wait: %s", ids[0], ids[-1], error)
                    return
        finally:
            self._learning.release()

    async def _learn_of(self, ids: Sequence[str]) -> None:
        episodes = self._kept(ids)
        name = f"{ids[0]} to {ids[-1]}"
        self._weigh(episodes, int(ids[0].partition("-")[2]), name)
        key = f"{PHASE}/learned/{name}"
        if episodes and self.memory.journal.done(key) is None:
            self._commit(await learned(self.memory, self._learners, episodes), name, key)

    def _weigh(self, episodes: Sequence[Trajectory], first: int, name: str) -> None:
        """What the runs say of the lessons there are, once."""
        usual = Usual()
        for row in self.episodes.summaries(PHASE):
            if row.index < first:
                usual.tell(row.kind, row.reward)
        found = of_episodes(episodes, self.habits.withhold_rate, usual)
        for _ in range(_TRIES):
            version, items = self.memory.journal.state()
            try:
                self._commit(promotions(items, found), f"effects of {name}", f"{PHASE}/effects/{name}", version)
                return
            except Conflict:
                continue  # another process wrote in between

    def _commit(self, edits: Sequence[Edit], note: str, key: str, expected: int | None = None) -> None:
        if edits:
            self.memory.commit(edits, expected=expected, note=note, key=key)

    def _kept(self, ids: Sequence[str]) -> list[Trajectory]:
        found = []
        for id in ids:
            try:
                found.append(self.episodes.get(id))
            except UnknownName:
                _log.info("run %s has not ended well enough to be kept", id)
        return found

    def close(self) -> None:
        self.episodes.close()
        self.memory.close()


def _mark(folder: Path, habits: Habits) -> None:
    if not (folder / "run.json").exists():
        about = {"layout": 1, "embedder": habits.embedder, "banks": list(habits.banks)}
        (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")
