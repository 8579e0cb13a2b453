"""The trial of an adapter: validation episodes with it and without it, the same tasks and seeds, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from knowhow.agents.model import drop_adapter
from knowhow.agents.types import Recall, nothing
from knowhow.environments.types import StopReason, Trajectory
from knowhow.evals.routing import route, uri
from knowhow.evals.stage import Stage
from knowhow.evals.stats import paired
from knowhow.evals.tasks import draw_kinds, jobs
from knowhow.memory.evolve import worse
from knowhow.training.registry import Registry
from knowhow.training.selecting import ended
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

    What plays without it are the other active adapters, each for its kinds of task, and the base. An adapter for some
    kinds is tried on these: the others it will never play. ``stage`` plays with the base. Stored episodes are not
    played again. A trial that the budget cuts off settles nothing, so that it can go on. Raises: as ``Stage.play``;
    BadSetting for a stage with another model.
    """
    settings, folder = stage.settings, stage.folder.path
    tasks = draw_kinds(stage.suite, "validation", settings.trial, settings.seed, adapter.kinds)
    todo = jobs(tasks, settings.seed, "trial")
    phase = f"trial {adapter.id}"
    tried = stage.with_model(uri(settings.model, adapter, folder))
    with_it = await tried.play(phase, 0, todo, recall, version)
    await tried.model.aclose()

    def others() -> list[Adapter]:
        return [one for one in registry.adapters() if one.id != adapter.id]

    used = replace(stage, route=route(others, settings, folder))
    before = await used.play(f"{phase} without", 0, todo, recall, version)
    if not _whole(with_it, len(todo)) or not _whole(before, len(todo)):
        return Verdict(adapter.status, "the budget cut its trial off", None, None)
    verdict = judged(with_it, before, adapter.taught)
    registry.settle(adapter.id, verdict.status, verdict.why, {"trial": _figures(verdict, with_it, before)})
    if verdict.status is AdapterStatus.RETIRED:
        drop_adapter(tried.model.uri)
    return verdict


def _whole(played: Sequence[Trajectory], of: int) -> bool:
    return len(played) == of and all(one.stop is not StopReason.BUDGET for one in played)


def judged(with_it: Sequence[Trajectory], before: Sequence[Trajectory], kinds: Sequence[str]) -> Verdict:
    """Active only where the interval of the gain on new tasks lies above 0 and the old ones are not ``worse``. Episodes
    that an error or the budget cut off, on either side, say nothing."""
    known = {(one.task.id, one.seed): one for one in ended(before).rows}
    met = [(one, known.get((one.task.id, one.seed))) for one in ended(with_it).rows]
    pairs = [(one, other) for one, other in met if other is not None]
    new = [two for two in pairs if not kinds or two[0].task.kind in kinds]
    old = [two for two in pairs if two not in new]
    gained, kept = _difference(new), _difference(old)
    if gained is None or gained[1] <= 0:
        return Verdict(AdapterStatus.RETIRED, f"no gain shown on validation: {_told(gained)}", gained, kept)
    if worse([one.reward or 0.0 for one, _ in old], [other.reward or 0.0 for _, other in old]):
        return Verdict(AdapterStatus.RETIRED, f"other tasks fell on validation: {_told(kept)}", gained, kept)
    return Verdict(AdapterStatus.ACTIVE, f"gained on validation: {_told(gained)}", gained, kept)


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
