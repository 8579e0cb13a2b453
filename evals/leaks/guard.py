"""The guard: what of the tasks that are measured on is in memory, in training data, or in the training split.

Where tasks come from templates, goals repeat by themselves: a training task then looks like others of its own split as
often as one of the test split does. So a copy counts only where training tasks do not explain it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite, Task, Trajectory
from knowhow.evals.leaks.copies import Copy, Known, copied
from knowhow.evals.tasks import ordered
from knowhow.memory.embed import load_embedder
from knowhow.memory.types import Item

CHANCE = 0.01
"""How rarely a clean suite is accused."""
TEMPLATES = 0.05
"""Where a larger share of training tasks have copies among themselves, a text does not make a task."""
MOST = 2000
"""Training tasks that a split is held against."""


def in_memory(items: Iterable[Item], measured: Sequence[Task], suite: Suite, embedder: str = "hashing") -> list[Copy]:
    """What memory holds of the goals of tasks that are measured on, and not of any training task's."""
    known = Known({task.id: task.goal for task in measured}, load_embedder(embedder))
    return _unexplained(((item.id, _text(item)) for item in items), known, suite)


def in_data(trajectories: Iterable[Trajectory], measured: Sequence[Task], suite: Suite) -> list[Copy]:
    """What training data says of the goals of tasks that are measured on, and not of any training task's."""
    known = Known({task.id: task.goal for task in measured})
    said = ((one.id, f"{one.task.goal}\n{_said(one)}") for one in trajectories)
    return _unexplained(said, known, suite)


async def between_splits(suite: Suite, split: str, tasks: int = 200, *, opened: bool = False) -> dict[str, Any]:
    """How many tasks of a split have a copy among training tasks, and how many training tasks have one among the
    others. ``opened``: with what is seen at the start, where the goal alone does not make the task.

    ``leak``: more than the training tasks' own likeness explains, at ``CHANCE``. ``tells``: do copies say anything;
    they do not where the training tasks are made from templates (``TEMPLATES``).
    """
    from scipy.stats import binom

    train, measured = _drawn(suite, "train", tasks if opened else MOST), _drawn(suite, split, tasks)
    texts, others = [await _texts(suite, ones, opened) for ones in (train, measured)]
    known = Known({task.id: text for task, text in zip(train, texts, strict=True)})
    own, met = sum(copied(texts, known, of_themselves=True)), copied(others, known)
    usual, tells = (own + 0.5) / (len(texts) + 1), own <= TEMPLATES * len(texts)
    chance = float(binom.sf(sum(met) - 1, len(others), usual)) if any(met) else 1.0
    found = [
        {"task": task.id, "like": known.in_(task.id, text)[0].of, "goal": task.goal}
        for task, text, copy in zip(measured, others, met, strict=True)
        if copy
    ]
    return {
        "split": split,
        "tasks": len(others),
        "copies": sum(met),
        "train_tasks": len(texts),
        "train_copies": own,
        "chance": round(chance, 6),
        "tells": tells,
        "leak": tells and chance < CHANCE,
        "found": found[:20],
    }


def refuse(leaks: Sequence[Copy], where: str) -> None:
    """Raises: BadSetting that names the first leak, where there is any."""
    if leaks:
        first = leaks[0]
        raise BadSetting(
            f"{where} holds {len(leaks)} tasks that are measured on, such as {first.of} in {first.found} "
            f"({first.by}: {first.quote!r}); look at them by `knowhow leaks`, or allow them by --allow-leaks"
        )


def refuse_copies(found: Mapping[str, Any], suite: str) -> None:
    """``found`` is of ``between_splits``. Raises: BadSetting where it is a leak."""
    if found["leak"]:
        one = found["found"][0]
        raise BadSetting(
            f"{found['copies']} of {found['tasks']} {found['split']} tasks of {suite} are copies of training tasks, "
            f"such as {one['task']} of {one['like']}; look at them by `knowhow leaks {suite}`, "
            "or go on by --allow-leaks"
        )


def as_dicts(leaks: Sequence[Copy]) -> list[dict[str, Any]]:
    return [asdict(one) for one in leaks]


def _unexplained(texts: Iterable[tuple[str, str]], known: Known, suite: Suite) -> list[Copy]:
    found = [copy for name, text in texts for copy in known.in_(name, text)]
    left = Known({copy.of: known.texts[copy.of] for copy in found})
    explained = set[str]()
    for task in suite.tasks("train") if found else ():
        explained |= {copy.of for copy in left.in_(task.id, task.goal)}
        if len(explained) == len(left.texts):
            break
    return [copy for copy in found if copy.of not in explained]


def _text(item: Item) -> str:
    return f"{item.text}\n{json.dumps(dict(item.data), ensure_ascii=False)}" if item.data else item.text


def _said(trajectory: Trajectory) -> str:
    return "\n".join(step.said for step in trajectory.steps)


def _drawn(suite: Suite, split: str, most: int) -> list[Task]:
    every = ordered(suite, split, 0)
    return [*every[:most]]


async def _texts(suite: Suite, tasks: Sequence[Task], opened: bool) -> list[str]:
    """The goals; ``opened``: each with what is seen at the start."""
    if not opened:
        return [task.goal for task in tasks]
    texts = []
    for task in tasks:
        async with suite.open(task, seed=0) as environment:
            texts.append(f"{task.goal}\n{(await environment.reset()).observation}")
    return texts
