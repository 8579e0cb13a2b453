"""Finding a page's solver, and letting it solve."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Sequence

from knowhow.environments.browser.episode import Visit, browse
from knowhow.environments.miniwob import pages, solvers
from knowhow.environments.miniwob.desk import Desk
from knowhow.environments.types import ToolCall

Solver = Callable[[Desk], Awaitable[None]]


def solver(kind: str) -> Solver | None:
    """The solver of a page, if there is one: the function of its name in some file of ``solvers``."""
    for module in pkgutil.iter_modules(solvers.__path__):
        found: Solver | None = getattr(
            importlib.import_module(f"{solvers.__name__}.{module.name}"), kind.replace("-", "_"), None
        )
        if found is not None:
            return found
    return None


async def solved(solve: Solver, visit: Visit) -> Sequence[ToolCall]:
    """The calls that a solver makes on a page."""
    async with browse(visit, pages.judge) as env:
        desk = Desk(env, visit.goal, await env.reset())
        await solve(desk)
        return desk.calls
