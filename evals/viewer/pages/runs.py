"""All runs, several side by side, and one at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from knowhow.environments.errors import BadSetting
from knowhow.evals.viewer import curves
from knowhow.evals.viewer.facts import differing, fact, facts, settings
from knowhow.evals.viewer.site import Asked, Page, Site
from knowhow.evals.viewer.tallies import Tally, by_phase, faults, kind_rows, phase_rows, round_rows, tallies
from knowhow.evals.viewer.versions import decided

MOST_BESIDE = 6
"""Runs side by side: as many as the eye tells apart."""
MOST_KINDS = 40


def runs(site: Site, asked: Asked) -> Page:
    found = facts(site.folders)
    return Page("runs.html", {"facts": found, "going": any(one.state == "going" for one in found)})


def run(site: Site, asked: Asked) -> Page:
    folder = site.folders.open(asked.names["run"])
    counted = tallies(folder)
    phases = by_phase(counted)
    rounds = round_rows(counted, decided(folder)) if "train" in phases or "validation" in phases else []
    series = {name: of for name, of in phases.items() if name in ("run", "before", "after")} or _latest(phases)
    kinds = kind_rows(series)
    return Page(
        "run.html",
        {
            "fact": fact(folder), "settings": settings(folder), "phases": phase_rows(counted), "rounds": rounds,
            "curve": curves.learning(rounds), "kinds": kinds[:MOST_KINDS], "more_kinds": len(kinds) - MOST_KINDS,
            "series": list(series), "faults": faults(folder),
        },
        folder,
        "overview",
    )  # fmt: skip


def compare(site: Site, asked: Asked) -> Page:
    """Raises: BadSetting for too many, UnknownName."""
    if len(asked.runs) > MOST_BESIDE:
        raise BadSetting(f"{len(asked.runs)} runs are too many side by side; choose at most {MOST_BESIDE}")
    folders = [site.folders.open(name) for name in dict.fromkeys(asked.runs)]
    counted = {folder.name: tallies(folder) for folder in folders}
    rounds = {folder.name: round_rows(counted[folder.name], decided(folder)) for folder in folders}
    final = {name: [*chain(*_latest(by_phase(of)).values())] for name, of in counted.items()}
    return Page(
        "compare.html",
        {
            "facts": [fact(folder) for folder in folders], "names": site.folders.names(),
            "differing": differing({folder.name: settings(folder) for folder in folders}),
            "curve": curves.together({name: rows for name, rows in rounds.items() if rows}),
            "kinds": kind_rows(final)[:MOST_KINDS],
            "phases": {name: {row.phase: row for row in phase_rows(of)} for name, of in counted.items()},
        },
    )  # fmt: skip


def _latest(phases: Mapping[str, Sequence[Tally]]) -> dict[str, Sequence[Tally]]:
    """The phase that tells best what a run came to, or how far it got."""
    told = ("after", "run", "validation", "train")
    return next(({name: phases[name]} for name in told if name in phases), {})
