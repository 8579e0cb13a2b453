"""Which tasks, in which order, with which seeds: decided by the run's seed alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from random import Random
from typing import cast

from knowhow.agents.rollout import Job
from knowhow.agents.seeds import child_seed
from knowhow.environments.blame import blamed
from knowhow.environments.errors import BadSetting, KnowhowError
from knowhow.environments.lazy import Lazy
from knowhow.environments.types import Split, Suite, Task


def draw(suite: Suite, split: str, count: int, seed: int, *, skip: int = 0) -> list[Task]:
    """``count`` tasks of a split in an order that the seed decides, after the first ``skip`` of that order.

    Where the split is smaller, ``skip`` shrinks first; then tasks come again. Raises: BadSetting for a split without
    tasks.
    """
    tasks = ordered(suite, split, seed)
    start = max(0, min(skip, len(tasks) - count))
    chosen = tasks[start : start + count]
    _check(suite, split, chosen)
    return [chosen[place % len(chosen)] for place in range(count)]


def draw_kinds(suite: Suite, split: str, count: int, seed: int, kinds: Sequence[str]) -> list[Task]:
    """As ``draw``, of tasks of these kinds alone (none: of all); as many as there are, where there are fewer."""
    if not kinds:
        return draw(suite, split, count, seed)
    chosen = list(islice((task for task in ordered(suite, split, seed) if task.kind in kinds), count))
    _check(suite, split, chosen)
    return chosen


def _check(suite: Suite, split: str, tasks: Sequence[Task]) -> None:
    """Raises: BadSetting for what are no tasks of that split, or share an id."""
    known: dict[str, Task] = {}
    for task in tasks:
        if not isinstance(task, Task):
            raise BadSetting(f"tasks({split!r}) of the suite {suite.name} holds a {type(task).__name__}, and no Task")
        if task.split != split:
            raise BadSetting(
                f"tasks({split!r}) of the suite {suite.name} holds {task.id!r} of the split {task.split!r}"
            )
        if known.setdefault(task.id, task) != task:
            raise BadSetting(f"two {split} tasks of the suite {suite.name} have the id {task.id!r}; give each its own")


def ordered(suite: Suite, split: str, seed: int) -> Sequence[Task]:
    """All tasks of a split in the order that the seed decides, each made when it is asked for. Raises: BadSetting."""
    tasks = _of_split(suite, split)
    if len(tasks) == 0:
        raise BadSetting(f"suite {suite.name} has no {split} tasks")
    # All of the order, however few are wanted: a sample of another size would be another order.
    order = Random(f"{seed}/{split}").sample(range(len(tasks)), len(tasks))
    return Lazy(len(order), lambda place: tasks[order[place]])


def _of_split(suite: Suite, split: str) -> Sequence[Task]:
    """Raises: BadSetting for a suite whose own code fails, or gives something else."""
    try:
        tasks = suite.tasks(cast(Split, split))
    except KnowhowError:
        raise
    except Exception as error:
        raise BadSetting(f"the suite {suite.name} fails in tasks({split!r}): {blamed(error)}") from error
    if not isinstance(tasks, Sequence):
        given = type(tasks).__name__
        raise BadSetting(f"tasks({split!r}) of the suite {suite.name} gives a {given}, and no sequence of tasks")
    return tasks


def jobs(tasks: Sequence[Task], seed: int, *path: object, start: int = 0) -> list[Job]:
    """One episode a task, counted from ``start``; the seeds follow from ``seed``, ``path`` and the number."""
    return [Job(index, task, child_seed(seed, *path, index)) for index, task in enumerate(tasks, start)]


def repeated(todo: Sequence[Job], attempts: int) -> list[Job]:
    """Each job so many times, one after the other: the same task and seed, with replies drawn anew."""
    tries = [replace(job, attempt=attempt) for job in todo for attempt in range(attempts)]
    return [replace(job, index=index) for index, job in enumerate(tries)]


def chained(todo: Sequence[Job], length: int) -> list[list[Job]]:
    """The jobs in at most ``length`` waves: the first jobs of all chains, the second ones, and so on.

    A chain is ``length`` jobs whose tasks are of one kind, so that what the first teaches can serve the next
    (sequential rollout, as in SAGE, arXiv 2512.17102).
    """
    waves: list[list[Job]] = [[] for _ in range(length)]
    met: Counter[str] = Counter()
    for job in todo:
        waves[met[job.task.kind] % length].append(job)
        met[job.task.kind] += 1
    return [wave for wave in waves if wave] or [[]]
