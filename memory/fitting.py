"""Whether items from elsewhere can be worked with: every bank recalls them once, and learns once beside them.

That happens in a memory of its own, which goes at the end, with a model that says nothing. No code of a skill is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from tempfile import TemporaryDirectory

from langchain_core.messages import AIMessage

from knowhow.agents.types import Query, Turn
from knowhow.environments.discover import build, names
from knowhow.environments.errors import BadSetting, MissingExtra
from knowhow.environments.types import Feedback, Step, Task, ToolCall, Trajectory
from knowhow.memory.fold import add
from knowhow.memory.store import Memory
from knowhow.memory.types import Bank, Item, Status

BANKS = "knowhow.memory.banks"


async def refuse_unfit(items: Sequence[Item]) -> None:
    """Raises: BadSetting with the first item that a bank cannot work with, whatever its status is now."""
    for name in names(BANKS):
        why = await _wrong(name, items)
        if why:
            ill = [item for item in items if await _wrong(name, [item])]
            culprit = f"item {ill[0].id or ill[0].text[:40]!r}" if ill else "the items together"
            raise BadSetting(f"{culprit}: the bank {name} cannot work with it ({why}); nothing was imported")


async def _wrong(name: str, items: Sequence[Item]) -> str:
    """What a bank complains of; empty where it can work with all of them, or is not installed."""
    there = {item.id or f"new-{number}": item for number, item in enumerate(items)}
    tried = [replace(item, id=id, status=_tried(item.status)) for id, item in there.items()]
    with TemporaryDirectory() as scratch, Memory.open(scratch, create=True) as memory:
        memory.commit(map(add, tried))
        try:
            bank: Bank = build(BANKS, name, memory, _silent, None)
        except MissingExtra:
            return ""
        try:
            await _used(bank, [item for item in tried if item.kind == bank.kind])
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return ""


async def _used(bank: Bank, items: Sequence[Item]) -> None:
    for item in items:
        if item.status is not Status.RECORD:
            bank.show([one.item for one in bank.rank(Query(_task(item.suite, item.task_kind, item.text), ""), [item])])
    scopes = dict.fromkeys((item.suite, item.task_kind) for item in items)
    shown = tuple(item.id for item in items)
    await bank.learn([one for scope in scopes or [("", "")] for one in _episodes(*scope, shown)])


def _tried(status: Status) -> Status:
    return status if status is Status.RECORD else Status.CANDIDATE


def _task(suite: str, kind: str, goal: str) -> Task:
    return Task("fitting", suite, "train", kind, goal)


def _episodes(suite: str, kind: str, shown: tuple[str, ...]) -> list[Trajectory]:
    """A success that was shown the items, and a failure that was not."""
    step = Step(ToolCall("look"), Feedback("nothing"))
    won = Trajectory("fitting-1", _task(suite, kind, "look around"), 0, Feedback(""), (step,), reward=1.0, shown=shown)
    return [won, replace(won, id="fitting-2", reward=0.0, shown=())]


async def _silent(turn: Turn) -> AIMessage:
    return AIMessage("{}")
