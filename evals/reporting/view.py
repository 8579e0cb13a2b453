"""What the page shows, as the template reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowhow.environments.types import Usage
from knowhow.evals.reporting import figures, words
from knowhow.evals.reporting.embedded import pack
from knowhow.evals.reporting.figures import Rate, RoundRow
from knowhow.evals.reporting.source import Run
from knowhow.evals.reporting.versions import deltas, graveyard
from knowhow.memory.episodes import Summary
from knowhow.memory.types import Item

MOST_KINDS = 40
"""Task kinds in the chart, those with most episodes first; the page says how many it leaves out."""
MOST_FAULTS = 12
"""Different error messages in the table, the most frequent first; the page says how many it leaves out."""

_DEED = re.compile(r"\b(update|rollback)/(\d+)$")
"""How the loop's keys in the journal end: what a batch is, and of which round."""

REPORTS = {"run": "Success", "before": "Before", "after": "After", "withheld": "Memory withheld"}


@dataclass(frozen=True, slots=True)
class Card:
    """An item, with the success of this run's episodes that cited it."""

    item: Item
    cited: Rate


@dataclass(frozen=True, slots=True)
class Section:
    """Items of one kind and section."""

    kind: str
    name: str
    cards: Sequence[Card]


def view(run: Run) -> dict[str, Any]:
    """Everything that ``page.html`` names."""
    phases = figures.by_phase(run.episodes)
    return {
        "kind": run.about["kind"],
        "made": str(run.about.get("made", ""))[:16].replace("T", " "),
        "title": f"{_setting(run, 'suite')} with {_setting(run, 'model')}",
        "headline": words.headline(run.episodes, finished=run.result is not None),
        "sentences": words.sentences(run.episodes),
        "standing": words.standing(run.episodes, run.about, run.folder) if run.result is None else "",
        "reports": [(phase, name, figures.rate(phases[phase])) for phase, name in REPORTS.items() if phase in phases],
        "settings": _settings(run),
        "phases": [figures.phase_row(phase, ones) for phase, ones in phases.items()],
        "spent": run.spent,
        "rest": _rest(run),
        **_faults(run.episodes),
        "rounds": _rounds(run),
        **_kinds(phases),
        "memory": run.memory,
        "sections": _sections(run),
        "adapters": run.adapters,
        "graveyard": graveyard(run.memory.versions),
        "known": {one["id"] for one in run.steps},
        "total": len(run.episodes),
        "data": pack({"episodes": run.steps, "versions": deltas(run.memory.versions)}),
    }


def _setting(run: Run, name: str) -> str:
    return str(run.about.get("settings", {}).get(name, "unknown"))


def _settings(run: Run) -> list[tuple[str, str]]:
    """The settings that say something: unset ones are left out."""
    called = sorted({one.model for one in run.episodes if one.model} - {_setting(run, "model")})
    told = {**run.about.get("settings", {}), "models called": ", ".join(called), "knowhow": run.about.get("knowhow")}
    return [(name.replace("_", " "), _told(value)) for name, value in told.items() if value not in (None, "")]


def _told(value: object) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def _rest(run: Run) -> Usage | None:
    """What was spent outside the episodes that are stored: on reflection, curation, and work that was done again."""
    if run.spent is None:
        return None
    played = sum((one.usage for one in run.episodes), Usage())
    rest = Usage(
        run.spent.calls - played.calls,
        run.spent.prompt_tokens - played.prompt_tokens,
        run.spent.cached_tokens - played.cached_tokens,
        run.spent.completion_tokens - played.completion_tokens,
        run.spent.cost_usd - played.cost_usd,
    )
    return rest if rest.calls > 0 else None


def _faults(episodes: Sequence[Summary]) -> dict[str, Any]:
    found = figures.faults(episodes)
    return {"faults": found[:MOST_FAULTS], "more_faults": max(0, len(found) - MOST_FAULTS)}


def _rounds(run: Run) -> list[RoundRow]:
    return figures.round_rows(run.episodes, _decided(run)) if run.about["kind"] == "evolve" else []


def _decided(run: Run) -> dict[int, dict[str, Any]]:
    """By round, what was decided: as the result says, or while there is none, as far as the journal tells."""
    if run.result is not None:
        return {
            one["round"]: {"edits": one["edits"], "kept": one["kept"], "version": one["memory_version"]}
            for one in run.result["rounds"]
        }
    own = ((_DEED.search(one.batch.key), one.batch) for one in run.memory.versions if not one.inherited)
    written = {(deed[1], int(deed[2])): batch for deed, batch in own if deed}
    begun = max((one.round for one in run.episodes if one.phase == "train"), default=0)
    over = any(one.phase == "after" for one in run.episodes)
    decided: dict[int, dict[str, Any]] = {}
    for number in range(1, begun + 1):
        update, back = written.get(("update", number)), written.get(("rollback", number))
        kept = False if back else True if number < begun or over else None
        version = back.version if back else update.version if update else None
        decided[number] = {"edits": len(update.edits) if update else None, "kept": kept, "version": version}
    return decided


def _kinds(phases: Mapping[str, Sequence[Summary]]) -> dict[str, Any]:
    """Success by task kind: before and after where both were measured, else what there is."""
    series = {phase: phases[phase] for phase in ("run", "before", "after") if phase in phases}
    rows = sorted(figures.kind_rows(series), key=lambda row: -row.episodes)
    chosen = sorted(rows[:MOST_KINDS], key=lambda row: row.kind)
    return {"kinds": chosen, "kind_series": list(series), "more_kinds": len(rows) - len(chosen)}


def _sections(run: Run) -> list[Section]:
    """The items by kind and section, in the order in which memory lists them."""
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in run.memory.items:
        groups.setdefault((item.kind, str(item.data.get("section", ""))), []).append(item)
    cited = _cited(run.episodes)
    return [
        Section(kind, name, [Card(item, figures.rate(cited.get(item.id, ()))) for item in items])
        for (kind, name), items in sorted(groups.items(), key=lambda group: (group[0][0], -len(group[1]), group[0][1]))
    ]


def _cited(episodes: Sequence[Summary]) -> dict[str, list[Summary]]:
    found: dict[str, list[Summary]] = {}
    for one in episodes:
        for id in one.cited:
            found.setdefault(id, []).append(one)
    return found
