"""What needs LangGraph at import; ``memory/langgraph_store.py`` is the way in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from langgraph.store.base import (
    BaseStore,
    GetOp,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    get_text_at_path,
)
from langgraph.store.base import Item as StoreItem

from knowhow.environments.errors import BadSetting
from knowhow.memory.langchain.directory import Directory, Namespace, matches, passes
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Trust
from knowhow.memory.types import Op as Does

KIND = "store"
_MORE = 8
"""How many times as many neighbours are asked for where too few of the nearest are in the namespace."""


class KnowhowStore(BaseStore):
    """Each value is a memory item of the kind "store": its text is what a query is compared with, its data the rest.

    The puts of a batch are one version of the memory; its reads see the state before them.
    """

    supports_ttl = False

    def __init__(self, memory: Memory, fields: Sequence[str]) -> None:
        self.memory = memory
        self._fields = tuple(fields)
        self._directory = Directory(memory.journal, KIND)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Raises: BadSetting for a value that is no JSON; ValueError for an operation or operator unknown to it."""
        asked = list(ops)
        results = [self._read(op) for op in asked]
        puts = {(op.namespace, op.key): op for op in asked if isinstance(op, PutOp)}
        if puts:
            self._write(list(puts.values()))
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        return await asyncio.to_thread(self.batch, list(ops))

    def _read(self, op: Op) -> Result:
        if isinstance(op, GetOp):
            item = self.memory.journal.state()[1].get(_id(op.namespace, op.key))
            return None if item is None else StoreItem(**_told(item))
        if isinstance(op, SearchOp):
            return self._search(op)
        if isinstance(op, ListNamespacesOp):
            return self._list(op)
        if isinstance(op, PutOp):
            return None
        raise ValueError(f"a store knows no operation {type(op).__name__}")

    def _write(self, puts: Sequence[PutOp]) -> None:
        edits = self._edits(puts)
        while edits:
            try:
                self.memory.commit(edits, note=f"store: {len(edits)} put")
                return
            except BadSetting:
                # Another process may have put or deleted the same key since; then the edits are others now.
                before, edits = edits, self._edits(puts)
                if [(edit.op, edit.item) for edit in edits] == [(edit.op, edit.item) for edit in before]:
                    raise

    def _edits(self, puts: Sequence[PutOp]) -> list[Edit]:
        items = self.memory.journal.state()[1]
        return [edit for put in puts for edit in self._edit(put, items.get(_id(put.namespace, put.key)))]

    def _edit(self, put: PutOp, before: Item | None) -> Iterator[Edit]:
        id = _id(put.namespace, put.key)
        if put.ttl is not None:
            raise NotImplementedError("a Knowhow memory forgets nothing by the clock; leave ttl at None")
        if put.value is None:
            if before is not None:
                yield Edit(Does.REMOVE, id)
            return
        now = datetime.now(UTC).isoformat()
        created = now if before is None else before.data["created"]
        data = {
            "namespace": list(put.namespace),
            "key": put.key,
            "value": dict(put.value),
            "created": created,
            "updated": now,
        }
        new = {"kind": KIND, "trust": Trust.OUTSIDE} if before is None else {}
        yield Edit(Does.ADD if before is None else Does.SET, id, {**new, "text": self._text(put), "data": data})

    def _text(self, put: PutOp) -> str:
        paths = self._fields if put.index is None else put.index or ()
        return "\n".join(text for path in paths for text in get_text_at_path(put.value, path))

    def _search(self, op: SearchOp) -> list[SearchItem]:
        end = op.offset + op.limit
        if not op.query:
            return [SearchItem(**_told(item)) for item in list(self._among(op))[op.offset : end]]
        ranked: list[tuple[Item, float | None]] = [*self._nearest(op, end)]
        if len(ranked) < end:
            ranked += [(item, None) for item in self._among(op) if not item.text]
        return [SearchItem(**_told(item), score=score) for item, score in ranked[op.offset : end]]

    def _among(self, op: SearchOp) -> Iterator[Item]:
        """The items below the prefix that pass the filter, in the order in which they were first put."""
        items = self.memory.journal.state()[1]
        found = (items.get(id) for id in self._directory.below(op.namespace_prefix))
        return (item for item in found if item is not None and _asked_for(item, op))

    def _nearest(self, op: SearchOp, k: int) -> list[tuple[Item, float]]:
        """At most the best ``k`` of them that have a text, with their similarity. The index knows no namespaces, so
        that it is asked for more and more."""
        wanted, whole, asked = min(k, self._directory.count(op.namespace_prefix)), self._directory.count(()), k
        while True:
            found = self.memory.search(op.query or "", asked, kind=KIND)
            near = [(item, score) for item, score in found if item.text and _asked_for(item, op)]
            if len(near) >= wanted or asked >= whole:
                return near[:k]
            asked = min(whole, asked * _MORE)

    def _list(self, op: ListNamespacesOp) -> list[Namespace]:
        conditions = op.match_conditions or ()
        found = [
            one
            for one in self._directory.namespaces()
            if all(matches(one, condition.match_type, condition.path) for condition in conditions)
        ]
        cut = sorted({namespace[: op.max_depth] for namespace in found})
        return cut[op.offset : op.offset + op.limit]


def _asked_for(item: Item, op: SearchOp) -> bool:
    below = tuple(item.data["namespace"][: len(op.namespace_prefix)]) == op.namespace_prefix
    return below and passes(item.data["value"], op.filter or {})


def _id(namespace: Namespace, key: str) -> str:
    """The same for the same place in every process, so that two that put there meet."""
    digest = blake2b(digest_size=16)
    for part in (*namespace, key):
        digest.update(f"{len(part)}:{part}".encode("utf-8", "surrogatepass"))
    return f"sto.{digest.hexdigest()}"


def _told(item: Item) -> dict[str, Any]:
    data = item.data
    return {
        "namespace": tuple(data["namespace"]),
        "key": data["key"],
        "value": deepcopy(data["value"]),
        "created_at": datetime.fromisoformat(data["created"]),
        "updated_at": datetime.fromisoformat(data["updated"]),
    }
