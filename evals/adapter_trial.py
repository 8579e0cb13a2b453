"""The trial of an adapter: validation episodes with it and without it, the same tasks and seeds, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from knowhow.agents.rollout import Job
from knowhow.agents.types import Recall, nothing
from knowhow.environments.types import Trajectory
from knowhow.evals.routing import of_base, uri
from knowhow.evals.stage import Stage
from knowhow.evals.stats import paired
from knowhow.evals.tasks import draw, jobs
from knowhow.memory.evolve import worse
from knowhow.training.registry import Registry
from knowhow.training.types import Adapter, AdapterStatus


@dataclass(frozen=True)
class Verdict:
    """``new`` and ``old`` are the paired difference in reward on tasks like those trained on, and on all others:
    [difference, low, high], None where there was no such task."""

    status: AdapterStatus
    why: str
    new: list[float] | None
    old: list[float] | None


async def put_to_trial(
    stage: Stage, registry: Registry, adapter: Adapter, recall: Recall = nothing, version: int = 0
) -> Verdict:
    """Play validation tasks, as many as ``Settings.trial`` says, with the adapter and with what plays without it, and
    settle its status.

    What plays without it is the active adapter that it would replace, or the base. Stored episodes are not played
    again. Raises: as ``Stage.play``.
    """
    settings = stage.settings
    todo = jobs(draw(stage.suite, "validation", settings.trial, settings.seed), settings.seed, "trial")
    folder, model = stage.folder.path, of_base(Path(adapter.base), settings)
    active = registry.adapters(AdapterStatus.ACTIVE)
    replaced = next((one for one in active if one.base_hash == adapter.base_hash), None)
    phase = f"trial {adapter.id}"
    with_it = await _play(stage, uri(model, adapter, folder), phase, todo, recall, version)
    before = await _play(stage, uri(model, replaced, folder), f"{phase} without", todo, recall, version)
    verdict = judged(with_it, before, adapter.kinds)
    registry.settle(adapter.id, verdict.status, verdict.why, {"trial": _figures(verdict, with_it, before)})
    return verdict


def judged(with_it: Sequence[Trajectory], before: Sequence[Trajectory], kinds: Sequence[str]) -> Verdict:
    """Active only where the interval of the gain on new tasks lies above 0 and the old ones are not ``worse``."""
    pairs = list(zip(with_it, before, strict=False))
    new = [two for two in pairs if not kinds or two[0].task.kind in kinds]
    old = [two for two in pairs if two not in new]
    gained, kept = _difference(new), _difference(old)
    if gained is None or gained[1] <= 0:
        return Verdict(AdapterStatus.RETIRED, f"no gain shown on validation: {_told(gained)}", gained, kept)
    if worse([one.reward or 0.0 for one, _ in old], [other.reward or 0.0 for _, other in old]):
        return Verdict(AdapterStatus.RETIRED, f"other tasks fell on validation: {_told(kept)}", gained, kept)
    return Verdict(AdapterStatus.ACTIVE, f"gained on validation: {_told(gained)}", gained, kept)


async def _play(
    stage: Stage, model: str, phase: str, todo: Sequence[Job], recall: Recall, version: int
) -> list[Trajectory]:
    other = replace(stage.with_model(model), route=None)
    try:
        return await other.play(phase, 0, todo, recall, version)
    finally:
        await other.model.aclose()


def _difference(pairs: Sequence[tuple[Trajectory, Trajectory]]) -> list[float] | None:
    if not pairs:
        return None
    return paired([one.reward or 0.0 for one, _ in pairs], [other.reward or 0.0 for _, other in pairs])


def _told(difference: list[float] | None) -> str:
    if difference is None:
        return "there was no such task"
    gain, low, high = (100 * value for value in difference)
    return f"{gain:+.0f} points ({low:+.0f} to {high:+.0f})"


def _figures(verdict: Verdict, with_it: Sequence[Trajectory], before: Sequence[Trajectory]) -> dict[str, Any]:
    rates = {
        name: sum(one.success for one in played) / max(1, len(played))
        for name, played in (("with", with_it), ("without", before))
    }
    return {**rates, "episodes": len(with_it), "new": verdict.new, "old": verdict.old}
