"""The loop: ``acquire -> refine -> update -> evaluate -> keep or roll back``, round after round, as a LangGraph graph.

Its state is small and lives in a SQLite checkpoint after every phase, so that a run that was interrupted, also by kill
-9, goes on with the phase it was in. Each phase may therefore run twice for one round and must come to the same then:
episodes that are stored are not played again, and a batch of edits carries a key under which the journal takes it
once.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any, TypedDict

from knowhow.agents.cancelling import heed
from knowhow.environments.errors import KnowhowError
from knowhow.environments.redact import without_keys
from knowhow.environments.types import Trajectory
from knowhow.memory.codec import decode, encode
from knowhow.memory.types import Edit


@dataclass(frozen=True)
class Phases:
    """What the loop is made of. Rounds count from 1; round 0 is the state before the first.

    ``acquire`` plays a round's training episodes. ``refine`` turns them into edits. ``update`` writes these (and where
    it is time to, trains) and returns the memory's version. ``evaluate`` gives the rewards in [0, 1] of the gate's
    validation episodes, the same tasks and seeds every round, or None where none can be had. ``rollback`` leads back to
    a version and returns the new one. ``exhausted`` says that the run's budget is used up: no further round starts.
    """

    acquire: Callable[[int], Awaitable[Sequence[Trajectory]]]
    refine: Callable[[int, Sequence[Trajectory]], Awaitable[Sequence[Edit]]]
    update: Callable[[int, Sequence[Edit]], Awaitable[int]]
    evaluate: Callable[[int], Awaitable[Sequence[float] | None]]
    rollback: Callable[[int, int], int]
    exhausted: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Round:
    """What one round came to. ``validation_success`` is None where none was measured, ``best`` is the best of it before
    this round; ``memory_version`` is that after the decision."""

    round: int
    train_success: float | None
    validation_success: float | None
    edits: int
    kept: bool
    memory_version: int
    best: float | None = None


@dataclass(frozen=True, slots=True)
class Evolution:
    rounds: tuple[Round, ...]
    memory_version: int


class _State(TypedDict, total=False):
    round: int
    version: int
    best_version: int
    best: list[float] | None
    train: float | None
    edits: list[Any]
    validation: list[float] | None
    rounds: list[Any]


async def evolve(
    phases: Phases,
    *,
    rounds: int,
    version: int,
    checkpoints: Path,
    reopen: bool = False,
    on_round: Callable[[Round], None] = lambda done: None,
) -> Evolution:
    """Run the loop to its end, from its checkpoint where ``checkpoints`` (a SQLite file) holds one.

    ``version`` is the memory's at the start. A round is rolled back where it is ``worse`` than the best so far, or
    where the budget ended before that was known. The run ends at the version that did best on validation, the latest
    of equally good ones. ``reopen`` goes on with a run that its budget ended before the last round. Without a first
    measurement (online mode), every round is kept.

    Raises: what a phase raises; KnowhowError where the checkpoints cannot be read or written.
    """
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    config = {"configurable": {"thread_id": "evolve"}, "recursion_limit": 10 * (rounds + 2)}
    try:
        async with AsyncSqliteSaver.from_conn_string(str(checkpoints)) as saver:
            graph = _graph(phases, rounds, on_round, lambda: heed(task, before)).compile(checkpointer=saver)
            found = await graph.aget_state(config)
            if reopen and found.values and not found.next and found.values["round"] < rounds:
                await graph.aupdate_state(config, {}, as_node="keep_or_roll_back")
            opening = None if found.values else {"round": 0, "version": version, "best_version": version, "rounds": []}
            state = await graph.ainvoke(opening, config, durability="sync")
            heed(task, before)
    except sqlite3.Error as error:
        raise KnowhowError(f"checkpoints {checkpoints}: {error}; make room, or restore the file") from error
    return Evolution(tuple(decode(Round, raw) for raw in state["rounds"]), state["version"])


def _graph(phases: Phases, rounds: int, on_round: Callable[[Round], None], first: Callable[[], None]) -> Any:
    """The graph; ``first`` is called before each of its nodes."""
    from langgraph.graph import END, START, StateGraph

    async def baseline(state: _State) -> _State:
        return {"best": _listed(await phases.evaluate(0))}

    async def acquire(state: _State) -> _State:
        played = await phases.acquire(state["round"] + 1)
        known = [trajectory for trajectory in played if trajectory.reward is not None]
        success = sum(trajectory.success for trajectory in known) / len(known) if known else None
        return {"round": state["round"] + 1, "train": success}

    async def refine(state: _State) -> _State:
        trajectories = await phases.acquire(state["round"])
        edits = [encode(edit) for edit in await phases.refine(state["round"], trajectories)]
        return {"edits": json.loads(without_keys(json.dumps(edits)))}

    async def update(state: _State) -> _State:
        return {"version": await phases.update(state["round"], [decode(Edit, raw) for raw in state["edits"]])}

    async def evaluate(state: _State) -> _State:
        return {"validation": _listed(await phases.evaluate(state["round"]))}

    async def keep_or_roll_back(state: _State) -> _State:
        found, best = state["validation"], state["best"]
        kept = best is None or (found is not None and not worse(found, best))
        better = kept and (found is None or best is None or sum(found) >= sum(best))
        last = state["round"] >= rounds or phases.exhausted()
        back = not kept or (last and not better)
        changed = state["version"] != state["best_version"]
        version = phases.rollback(state["round"], state["best_version"]) if back and changed else state["version"]
        done = Round(
            state["round"], state["train"], _success(found), len(state["edits"]), not back, version, _success(best)
        )
        on_round(done)
        return {
            "version": version,
            "best": found if better else best,
            "best_version": version if better or back else state["best_version"],
            "rounds": [*state["rounds"], encode(done)],
            "edits": [],
        }

    def goes_on(state: _State) -> str:
        return "acquire" if state["round"] < rounds and not phases.exhausted() else END

    graph: Any = StateGraph(_State)
    order = (baseline, acquire, refine, update, evaluate, keep_or_roll_back)
    for node in order:
        graph.add_node(node.__name__, _after(first, node))
    graph.add_edge(START, "baseline")
    for one, other in pairwise(order[1:]):
        graph.add_edge(one.__name__, other.__name__)
    graph.add_conditional_edges("baseline", goes_on, ["acquire", END])
    graph.add_conditional_edges("keep_or_roll_back", goes_on, ["acquire", END])
    return graph


def _after(
    first: Callable[[], None], node: Callable[[_State], Awaitable[_State]]
) -> Callable[[_State], Awaitable[_State]]:
    async def both(state: _State) -> _State:
        first()
        return await node(state)

    return both


def worse(found: Sequence[float], best: Sequence[float]) -> bool:
    """Whether rewards are lower than others of the same tasks and seeds, by more than chance often does.

    A sign test on the pairs that differ, one-sided at about 84% (one standard error): strict enough to stop a slide,
    and loose enough that noise does not throw away what was learned.
    """
    lost = sum(one < other for one, other in zip(found, best, strict=True))
    gained = sum(one > other for one, other in zip(found, best, strict=True))
    return lost - gained > sqrt(lost + gained)


def _success(rewards: Sequence[float] | None) -> float | None:
    return sum(reward >= 1 - 1e-9 for reward in rewards) / len(rewards) if rewards else None


def _listed(rewards: Sequence[float] | None) -> list[float] | None:
    return None if rewards is None else list(rewards)
