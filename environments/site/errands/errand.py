"""One errand: what is asked for, turn by turn, what must come of it, and how it can be done."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from knowhow.environments.site import database
from knowhow.environments.types import ToolCall

Effect = Callable[[sqlite3.Connection], object]
"""The change that a request asks for, made to a database."""


def nothing(db: sqlite3.Connection) -> None:
    """The effect of a question."""


def all_of(*effects: Effect) -> Effect:
    """Several effects, one after the other."""

    def effect(db: sqlite3.Connection) -> None:
        for one in effects:
            one(db)

    return effect


@dataclass(frozen=True, slots=True)
class Turn:
    """One request. ``way``: calls that meet it, from where the turn before ended, without the last one, ``done``.
    ``effect``: the one change that it asks for. ``answer``: what ``done`` must say; empty where nothing is asked."""

    request: str
    way: Sequence[ToolCall]
    effect: Effect = nothing
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Draw:
    """A world and a die: what the kinds of errand are drawn from."""

    db: sqlite3.Connection
    random: Random

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        return database.rows(self.db, query, *values)

    def one(self, query: str, *values: Any) -> Any:
        """The first row; its value alone where there is one. Raises: Undrawable where there is none."""
        found = database.one(self.db, query, *values)
        if found is None:
            raise Undrawable(query)
        return found

    def pick(self, query: str, *values: Any) -> Any:
        """Any of the rows. Raises: Undrawable where there is none."""
        found = self.rows(query, *values)
        if not found:
            raise Undrawable(query)
        return self.random.choice(found)


class Undrawable(LookupError):
    """The world has nothing that this kind of errand could be about."""


@dataclass(frozen=True, slots=True)
class Kind:
    """``start``: the host on whose first page it begins."""

    start: str
    draw: Callable[[Draw], Turn | Sequence[Turn]]

    @property
    def name(self) -> str:
        return self.draw.__name__

    def turns(self, draw: Draw) -> Sequence[Turn]:
        """Raises: Undrawable."""
        drawn = self.draw(draw)
        return (drawn,) if isinstance(drawn, Turn) else tuple(drawn)


SHOP, ISSUES, WIKI = "shop.localhost", "issues.localhost", "wiki.localhost"


def click(element: str) -> ToolCall:
    return ToolCall("click", {"element": element})


def fill(field: str, text: str) -> ToolCall:
    return ToolCall("fill", {"element": f"textbox {field}", "text": text})


def select(field: str, option: str) -> ToolCall:
    return ToolCall("select", {"element": f"combobox {field}", "option": option})
