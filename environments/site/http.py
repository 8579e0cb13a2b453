"""What a browser asks and what it gets, and the way from one to the other."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """``host`` without a port; ``fields``: what the query or the form says, the last of a name, blanks cut off."""

    method: str
    host: str
    path: str
    fields: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str, default: str = "") -> str:
        return self.fields.get(name, default)

    def number(self, name: str) -> int:
        """A whole number; 0 where it is none, which no form takes."""
        text = self.get(name)
        return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else 0


@dataclass(frozen=True, slots=True)
class Page:
    """A template and what it shows."""

    template: str
    values: Mapping[str, Any]
    status: int = 200


@dataclass(frozen=True, slots=True)
class Redirect:
    """Another page of the same site, to be looked at instead."""

    path: str


Answer = Page | Redirect
Handler = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """``path`` with ``{name}`` for what is handed on to ``answer``, after the database and the request."""

    method: str
    path: str
    answer: Handler

    def match(self, request: Request) -> Mapping[str, str] | None:
        pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(pattern, request.path)
        return found.groupdict() if found and request.method == self.method else None


class NotFound(Exception):
    """There is nothing at this address."""


def dispatch(routes: Sequence[Route], db: sqlite3.Connection, request: Request) -> Answer:
    """Raises: NotFound."""
    for route in routes:
        if (parts := route.match(request)) is not None:
            return route.answer(db, request, **parts)
    raise NotFound(request.path)


def found(row: Any) -> Any:
    """A row that must be there. Raises: NotFound."""
    if row is None:
        raise NotFound
    return row
