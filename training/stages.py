"""A training that is done once, and several after one another, each going on from the adapter of the one before."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from knowhow.environments.errors import KnowhowError
from knowhow.environments.whole import whole_file
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
        measured.append(stage(step) if folder == job.folder else kept(step, stage))
        start = step.adapter
    told = [{name: value for name, value in one.items() if name != "losses"} for one in measured]
    return {
        "steps": sum(one["steps"] for one in measured),
        "losses": [loss for one in measured for loss in one["losses"]],
        "seconds": round(sum(one["seconds"] for one in measured), 2),
        "stages": told,
    }


def kept(job: Job, train: Callable[[Job], Mapping[str, Any]]) -> dict[str, Any]:
    """What ``train`` measured, from the job's folder where it was done before. Raises: as ``Recipe.train``."""
    report = job.folder / "training.json"
    if not (job.adapter.exists() and report.exists()):
        measured = dict(train(job))
        try:
            with whole_file(report) as part:
                part.write_text(json.dumps(measured))
        except OSError as error:
            raise KnowhowError(f"cannot write {report}: {error.strerror}; make room and run it again") from error
    found: dict[str, Any] = json.loads(report.read_text())
    return found
