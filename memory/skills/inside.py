"""What surrounds a skill inside the sandbox: ``do(call)`` makes a call of the environment's, ``now()`` is what it said
last.

``memory/skills/running.py`` sends this text there, where the sandbox has put ``ask`` among its globals. It imports
nothing of its own package.
"""

from __future__ import annotations

import linecache
import sys
import traceback
from collections.abc import Callable
from typing import Any

Ask = Callable[[Any], Any]
FILE = "<skill>"


class Seen:
    """What the environment said: ``text``, every possible call in ``commands`` (None where it lists none), and whether
    the episode is ``done``."""

    def __init__(self, text: str, commands: list[str] | None, done: bool) -> None:
        self.text, self.commands, self.done = text, commands, done


class EpisodeOver(Exception):
    """There are no steps left."""


class _World:
    def __init__(self, ask: Ask, seen: Seen) -> None:
        self.ask, self.seen = ask, seen

    def do(self, call: str) -> Seen:
        """Make a call, written as the environment lists it. Raises: ValueError where it is none, EpisodeOver."""
        reply = self.ask({"do": call})
        if "wrong" in reply:
            raise ValueError(reply["wrong"])
        if "seen" not in reply:
            raise EpisodeOver("the episode has ended, or its steps are used up")
        self.seen = Seen(**reply["seen"])
        return self.seen

    def now(self) -> Seen:
        return self.seen


def main(ask: Ask) -> None:
    order = ask({"begin": True})
    world = _World(ask, Seen(**order["seen"]))
    code = order["code"]
    linecache.cache[FILE] = (len(code), None, code.splitlines(keepends=True), FILE)
    space: dict[str, Any] = {
        "__name__": "skill",
        "do": world.do,
        "now": world.now,
        "Seen": Seen,
        "EpisodeOver": EpisodeOver,
    }
    try:
        exec(compile(code, FILE, "exec"), space)
        told = space[order["name"]](**order["arguments"])
    except EpisodeOver:
        told = "The steps were used up."
    except Exception as error:
        traceback.print_exception(type(error), error, error.__traceback__ and error.__traceback__.tb_next)
        sys.exit(1)
    ask({"told": "" if told is None else str(told)})


if __name__ == "__main__":
    main(globals()["ask"])
