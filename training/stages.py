"""Several trainings after one another, each going on from the adapter of the one before."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from knowhow.training.recipe import Job


def in_stages(job: Job, stages: Sequence[Callable[[Job], Mapping[str, Any]]]) -> dict[str, Any]:
    """Train every stage; the last one writes the job's adapter. A stage that was done before is not done again.

    ``losses`` are of all stages, in their order, ``steps`` and ``seconds`` their sums, and ``stages`` what each
    measured besides.
    """
    start, measured = job.start, list[Mapping[str, Any]]()
    for number, stage in enumerate(stages, 1):
        folder = job.folder if number == len(stages) else job.folder / f"stage-{number}"
        step = replace(job, folder=folder, start=start)
        measured.append(stage(step) if folder == job.folder else _kept(step, stage))
        start = step.adapter
    told = [{name: value for name, value in one.items() if name != "losses"} for one in measured]
    return {
        "steps": sum(one["steps"] for one in measured),
        "losses": [loss for one in measured for loss in one["losses"]],
        "seconds": round(sum(one["seconds"] for one in measured), 2),
        "stages": told,
    }


def _kept(job: Job, stage: Callable[[Job], Mapping[str, Any]]) -> Mapping[str, Any]:
    job.folder.mkdir(parents=True, exist_ok=True)
    report = job.folder / "training.json"
    if not (job.adapter.exists() and report.exists()):
        report.write_text(json.dumps(dict(stage(job))))
    found: Mapping[str, Any] = json.loads(Path(report).read_text())
    return found
