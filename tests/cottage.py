"""The household with short episodes of its two shortest kinds of task, so that whole evolutions fit into tests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import islice

from knowhow.environments.suites.household import Household
from knowhow.environments.types import Split, Task


class Cottage(Household):
    max_steps = 24

    def tasks(self, split: Split) -> Sequence[Task]:
        return _short(split)


class Hut(Cottage):
    """Hardly time to do anything: for models that answer over a network."""

    max_steps = 5


@cache
def _short(split: Split) -> list[Task]:
    return list(islice((task for task in Household().tasks(split) if task.kind in ("put", "light")), 60))
