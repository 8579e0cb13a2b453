"""A LangGraph store over a Knowhow memory: what a graph puts there has versions, a log and an undo.

store = langgraph_store("memory/")
graph = builder.compile(store=store)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from knowhow.memory.store import Memory

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore


def langgraph_store(memory: Memory | str | Path, *, fields: Sequence[str] = ("$",)) -> BaseStore:
    """A ``BaseStore`` over ``memory``, or over the folder of that name, which is made where there is none.

    ``fields``: the JSON paths of a value that a query is compared with ("$" is the whole value), unless a ``put`` names
    its own. Unlike in LangGraph's own stores they make one text together, not one each. Items do not expire: a ``ttl``
    is refused. Threads and processes may share one folder. Raises: MemoryDamaged.
    """
    from knowhow.memory.langchain._store import KnowhowStore

    opened = memory if isinstance(memory, Memory) else Memory.open(memory, create=True)
    return KnowhowStore(opened, fields)
