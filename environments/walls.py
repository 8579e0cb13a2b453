"""The walls of the sandbox: the best that there are here, or those that the environment variable KNOWHOW_SANDBOX names.

Each is a file of ``environments/sandboxes``: ``bubblewrap``, ``podman``, ``docker``, and ``weak``, which is hardly any.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from knowhow.environments.discover import find, names
from knowhow.environments.errors import BadSetting
from knowhow.environments.limits import Limits

SANDBOXES = "knowhow.environments.sandboxes"
SETTING = "KNOWHOW_SANDBOX"
SAID_SO = f"{SETTING} says so"
NOBODY = 65534


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Started:
    """How to start a guest: ``command`` with the file descriptors and environment variables that it needs, the folder
    to start in, and the user that the guest is to become itself (None: it is somebody else already).

    ``processes``: how many its user may have in all (None: that is seen to). ``keeper``: a process in there that the
    guest could take over has its number 1, and gets limits as well. ``end`` ends what is left when the started process
    has been killed; it may take a moment.
    """

    command: list[str]
    fds: tuple[int, ...] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin"})
    folder: str = "/"
    uid: int | None = None
    processes: int | None = None
    keeper: bool = False
    end: Callable[[], None] = _nothing


class Walls(Protocol):
    """One kind of walls. ``rank``: of those that work, the first one in this order is taken."""

    rank: int

    def fails(self) -> str:
        """Why they cannot be used here, in a line that says what to do; empty where they can."""

    def start(self, code: str, limits: Limits) -> AbstractContextManager[Started]:
        """How to run the Python ``code`` behind them."""


def walled(code: str, limits: Limits) -> AbstractContextManager[Started]:
    """How to run the Python ``code`` here. Raises: BadSetting, UnknownName for a KNOWHOW_SANDBOX that cannot be had."""
    return chosen().start(code, limits)


def chosen() -> Walls:
    """The walls that are used here. Raises: BadSetting, UnknownName for a KNOWHOW_SANDBOX that cannot be had."""
    asked = os.environ.get(SETTING, "")
    if not asked:
        return next(walls for walls in _all() if not walls.fails())
    walls: Walls = find(SANDBOXES, asked)()
    if why := walls.fails():
        raise BadSetting(f"{SETTING}={asked}, but {why}; or unset it")
    return walls


def only_weak() -> str:
    """Why untrusted code meets nothing but limits here; empty where it meets walls."""
    *better, weak = _all()
    if chosen().rank < weak.rank:
        return ""
    return "; ".join(filter(None, (walls.fails() for walls in better))) if not os.environ.get(SETTING) else SAID_SO


def _all() -> list[Walls]:
    return sorted((find(SANDBOXES, name)() for name in names(SANDBOXES)), key=lambda walls: walls.rank)
