"""Which items lie in which namespace of a LangGraph store, and what namespaces and values a search asks for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from knowhow.memory.journal import Journal

Namespace = tuple[str, ...]


class Directory:
    """The items of a kind by namespace, in the order in which they were first put; it follows the journal."""

    def __init__(self, journal: Journal, kind: str) -> None:
        self._journal, self._kind = journal, kind
        self._version = 0
        self._places: dict[Namespace, dict[str, str]] = {}
        """Namespace to id to when it was first put."""
        self._where: dict[str, Namespace] = {}
        self._lock = threading.Lock()

    def below(self, prefix: Namespace) -> list[str]:
        """The ids in the namespaces that begin with ``prefix``."""
        with self._lock:
            self._follow()
            ids = [
                (created, id)
                for namespace, places in self._places.items()
                if namespace[: len(prefix)] == prefix
                for id, created in places.items()
            ]
        return [id for _, id in sorted(ids)]

    def namespaces(self) -> list[Namespace]:
        """Those with something in them."""
        with self._lock:
            self._follow()
            return list(self._places)

    def count(self, prefix: Namespace) -> int:
        """How many items are in the namespaces that begin with ``prefix``."""
        with self._lock:
            self._follow()
            return sum(len(ids) for namespace, ids in self._places.items() if namespace[: len(prefix)] == prefix)

    def _follow(self) -> None:
        version, items = self._journal.state()
        if version == self._version:
            return
        touched = self._journal.touched(self._version)
        for id in {*items, *self._where} if touched is None else touched:
            self._forget(id)
            item = items.get(id)
            if item is not None and item.kind == self._kind:
                self._where[id] = namespace = tuple(item.data["namespace"])
                self._places.setdefault(namespace, {})[id] = item.data["created"]
        self._version = version

    def _forget(self, id: str) -> None:
        namespace = self._where.pop(id, None)
        if namespace is not None:
            del self._places[namespace][id]
            if not self._places[namespace]:
                del self._places[namespace]


def matches(namespace: Namespace, match_type: str, path: tuple[str, ...]) -> bool:
    """Whether a namespace begins or ends with ``path``, in which ``*`` is any label. Raises: ValueError."""
    if match_type not in ("prefix", "suffix"):
        raise ValueError(f"a namespace is matched by its prefix or suffix, not by its {match_type}")
    if len(namespace) < len(path):
        return False
    part = namespace[: len(path)] if match_type == "prefix" else namespace[len(namespace) - len(path) :]
    return all(wanted in ("*", label) for label, wanted in zip(part, path, strict=True))


def passes(value: Any, wanted: Mapping[str, Any]) -> bool:
    """Whether a value has these fields; a field may ask by operators, as in ``{"$gte": 3}``. Raises: ValueError."""
    return all(_fits(value.get(name), one) for name, one in wanted.items())


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if any(name.startswith("$") for name in wanted):
            return all(_compares(value, operator, operand) for operator, operand in wanted.items())
        return isinstance(value, Mapping) and passes(value, wanted)
    if isinstance(wanted, list | tuple):
        same = isinstance(value, list | tuple) and len(value) == len(wanted)
        return same and all(_fits(part, one) for part, one in zip(value, wanted, strict=True))
    return bool(value == wanted)


def _compares(value: Any, operator: str, operand: Any) -> bool:
    if operator not in _OPERATORS:
        raise ValueError(f"there is no operator {operator!r}; known: {', '.join(sorted(_OPERATORS))}")
    return bool(_OPERATORS[operator](value, operand))


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda value, operand: value == operand,
    "$ne": lambda value, operand: value != operand,
    "$gt": lambda value, operand: value is not None and float(value) > float(operand),
    "$gte": lambda value, operand: value is not None and float(value) >= float(operand),
    "$lt": lambda value, operand: value is not None and float(value) < float(operand),
    "$lte": lambda value, operand: value is not None and float(value) <= float(operand),
}
