"""One training from episodes to a registered adapter, and what it will take, told before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from knowhow.agents import tracing
from knowhow.agents.local.weights import mark_base, weights_hash
from knowhow.agents.types import Recall, nothing
from knowhow.environments.discover import build
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite, Trajectory
from knowhow.training.card import data_hash
from knowhow.training.recipe import RECIPES, Job, Privileged, Recipe, unwatched, work_of
from knowhow.training.registry import Registry
from knowhow.training.replay import mixed
from knowhow.training.selecting import of_kinds
from knowhow.training.settings import Tuning
from knowhow.training.stages import kept
from knowhow.training.types import Adapter, Data, Datum

FOLDER = "adapters"
"""In a run folder: what was trained, one folder each, named by the adapter's id."""


@dataclass(frozen=True)
class Plan:
    """A training that could start. ``specification`` is the recipe with its settings, ``kinds`` what its adapter is
    for (none: all), ``taught`` the kinds of the new rows; ``memory_version`` is the latest that its episodes were
    played with, ``recalled`` names the memory that a recipe which plays does so with (empty: none)."""

    specification: str
    recipe: Recipe
    data: Data[Datum]
    base: Path
    tuning: Tuning
    memory_version: int = 0
    kinds: tuple[str, ...] = ()
    taught: tuple[str, ...] = ()
    suite: Suite | None = None
    recalled: str = ""

    @cached_property
    def data_hash(self) -> str:
        return data_hash(self.data)

    @cached_property
    def base_hash(self) -> str:
        """Raises: BadSetting where the base has no weights."""
        return weights_hash(self.base)

    @property
    def key(self) -> str:
        """The same for the same training: by it an interrupted one is found and gone on with."""
        made_of: list[Any] = [self.specification, asdict(self.tuning), self.data_hash, self.base_hash, self.kinds]
        made_of += [self.recalled] if self.recalled else []
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def plan(
    trajectories: Sequence[Trajectory],
    specification: str,
    base: Path,
    tuning: Tuning,
    *,
    old: Sequence[Trajectory] = (),
    replay: float = 1.0,
    kinds: Sequence[str] = (),
    suite: Suite | None = None,
) -> Plan:
    """What a recipe would train of these episodes, of those of ``kinds`` (none: all), with ``replay`` rows of ``old``
    episodes for each of theirs.

    Raises: UnknownName, BadSetting for the recipe; BadSetting where nothing is left to train on.
    """
    recipe: Recipe = build(RECIPES, specification)
    if isinstance(recipe, Privileged):
        recipe = recipe.in_suite(suite)
    data = of_kinds(trajectories, kinds).then(recipe.examples)
    if not data.rows:
        reasons = "; ".join(f"{one.count} {one.what}: {one.why}" for one in data.dropped)
        reasons = reasons or f"none of {len(trajectories)} episodes holds what it needs; see knowhow recipes"
        raise BadSetting(f"the recipe {specification} finds nothing to train on ({reasons})")
    taught = tuple(sorted({row.source.kind for row in data.rows}))
    if old:
        earlier = recipe.examples(old)
        both = mixed(data.rows, earlier.rows, replay, tuning.seed)
        data = Data(both.rows, (*data.dropped, *earlier.dropped, *both.dropped))
    version = max((one.memory_version for one in trajectories), default=0)
    return Plan(specification, recipe, data, base, tuning, version, tuple(kinds), taught, suite)


def train(
    planned: Plan, registry: Registry, folder: Path, progress: Any = unwatched, recall: Recall = nothing
) -> Adapter:
    """Train, or go on with an interrupted training, and register the adapter as a candidate.

    ``folder`` is the run's; the weights come to lie in ``adapters/ID/adapter`` there. A training that was done before
    gives its adapter again. Recipes that play do so with what ``recall`` gives. Raises: as ``Recipe.train``.
    """
    id = registry.new_id(planned.key)
    known = [adapter for adapter in registry.adapters() if adapter.id == id]
    if known:
        return known[0]
    job = Job(planned.base, folder / FOLDER / id, planned.tuning, suite=planned.suite, recall=recall, progress=progress)
    job.folder.mkdir(parents=True, exist_ok=True)
    try:
        with tracing.training(planned.specification, planned.base.name, len(planned.data.rows)):
            measured = kept(job, lambda job: planned.recipe.train(job, planned.data))
    except BaseException:
        with suppress(OSError):
            job.folder.rmdir()  # where nothing was begun
        raise
    mark_base(job.adapter, planned.base_hash)
    adapter = Adapter(
        id=id,
        path=str(job.adapter.relative_to(folder)),
        base=str(planned.base),
        base_hash=planned.base_hash,
        recipe=planned.specification,
        settings=asdict(planned.tuning),
        data_hash=planned.data_hash,
        memory_version=planned.memory_version,
        kinds=planned.kinds,
        taught=planned.taught,
        metrics={"training": _short(measured)},
    )
    registry.add(adapter, f"trained by {planned.specification} on {len(planned.data.rows)} rows")
    return adapter


def _short(measured: dict[str, Any]) -> dict[str, Any]:
    """Without the loss of every step, of which the first and the last tenth are averaged."""
    losses = measured.pop("losses", [])
    if losses:
        tenth = max(1, len(losses) // 10)
        measured["loss_first"] = round(sum(losses[:tenth]) / tenth, 4)
        measured["loss_last"] = round(sum(losses[-tenth:]) / tenth, 4)
    return measured


def estimate(planned: Plan) -> dict[str, Any]:
    """What the training would take: its rows and steps, and roughly its seconds and its memory in MB
    (``estimating.measured``), without the episodes that it ``plays``, if it does. Raises: as ``open_base``."""
    from knowhow.training.estimating import measured

    work = work_of(planned.recipe, planned.tuning, planned.data, planned.suite)
    taken = measured(planned.base, planned.data, planned.tuning, work.updates * work.sequences)
    return {"rows": len(planned.data.rows), "steps": work.updates, "plays": work.plays, **taken}
