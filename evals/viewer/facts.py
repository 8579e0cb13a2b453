"""What a run is and how far it got, for the list of runs, its first page and the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from knowhow.environments.errors import KnowhowError
from knowhow.evals.reporting.figures import Rate
from knowhow.evals.viewer.folders import Folder, Folders
from knowhow.evals.viewer.going import State
from knowhow.evals.viewer.tallies import Tally, by_phase, rate, tallies

REPORTS = {"run": "success", "before": "before", "after": "after", "withheld": "memory withheld"}
"""The phases that tell what a run came to, in words."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A run in one line; ``error`` says why it cannot be read, and all else is empty then."""

    name: str
    error: str = ""
    kind: str = ""
    state: State | None = None
    made: str = ""
    suite: str = ""
    model: str = ""
    memory: str = ""
    reports: Sequence[tuple[str, str, Rate]] = ()
    episodes: int = 0
    cost: float = 0.0


def facts(folders: Folders) -> list[Fact]:
    """Of every folder, those that cannot be read as well."""
    return [_fact(folders, name) for name in folders.names()]


def fact(folder: Folder) -> Fact:
    """Raises: MemoryDamaged."""
    counted, settings, about = tallies(folder), folder.settings, folder.about
    return Fact(
        name=folder.name,
        kind=str(about["kind"]),
        state=folder.state,
        made=str(about.get("made", ""))[:16].replace("T", " "),
        suite=str(settings.get("suite", "")),
        model=str(settings.get("model", "")),
        memory=str(settings.get("memory", "")),
        reports=reports(counted),
        episodes=sum(one.episodes for one in counted),
        cost=sum(one.usage.cost_usd for one in counted),
    )


def reports(counted: Sequence[Tally]) -> list[tuple[str, str, Rate]]:
    """The phases that tell what a run came to; while there is none, how far validation or training got."""
    phases = by_phase(counted)
    found = [(phase, name, rate(phases[phase])) for phase, name in REPORTS.items() if phase in phases]
    latest = [_latest(phases, phase) for phase in ("validation", "train") if phase in phases]
    return found if any(phase in ("run", "after") for phase, _, _ in found) else [*found, *latest[:1]]


def settings(folder: Folder) -> dict[str, str]:
    """The settings that say something: unset ones are left out."""
    told = {name: value for name, value in folder.settings.items() if value not in (None, "") and value is not False}
    return {name.replace("_", " "): _told(value) for name, value in told.items()}


def differing(told: Mapping[str, Mapping[str, str]]) -> list[tuple[str, list[str]]]:
    """The settings in which runs differ, with each one's value."""
    names = dict.fromkeys(name for settings in told.values() for name in settings)
    rows = [(name, [settings.get(name, "–") for settings in told.values()]) for name in names]
    return [row for row in rows if len(set(row[1])) > 1]


def _fact(folders: Folders, name: str) -> Fact:
    try:
        return fact(folders.open(name))
    except (KnowhowError, OSError) as error:
        return Fact(name, error=str(error))


def _latest(phases: Mapping[str, Sequence[Tally]], phase: str) -> tuple[str, str, Rate]:
    """The last round of a phase."""
    last = max(one.round for one in phases[phase])
    name = "training" if phase == "train" else phase
    return phase, f"{name}, round {last}" if last else name, rate(one for one in phases[phase] if one.round == last)


def _told(value: object) -> str:
    return "yes" if value is True else str(value)
