"""What all episodes of a run come to, counted by SQLite: no episode is read into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from knowhow.environments.types import Usage
from knowhow.evals.reporting.figures import ORDER, KindRow, PhaseRow, Rate, RoundRow
from knowhow.evals.stats import Tried
from knowhow.evals.viewer.folders import Folder

T = TypeVar("T")

WON = "reward >= 1 - 1e-9"
KNOWN = "reward IS NOT NULL AND stop != 'budget'"
"""The episodes that count for a rate of success, as ``figures.rate`` counts them."""
ROWS = """(SELECT phase, round, "index", id, summary, rowid AS row,
    json_extract(summary, '$.kind') AS kind, json_extract(summary, '$.task') AS task,
    json_extract(summary, '$.stop') AS stop, json_extract(summary, '$.reward') AS reward,
    json_extract(summary, '$.error') AS error FROM episodes)"""
"""The episodes as a table of what is asked for most often."""

_TALLY = f"""
    SELECT phase, round, kind, sum(episodes), sum(n > 0), sum(n), sum(won), sum(n * n), sum(won * won), sum(won * n),
        sum(errors), sum(unfinished), sum(steps), sum(calls), sum(prompt), sum(cached), sum(completion), sum(cost)
    FROM (SELECT phase, round, kind, count(*) AS episodes, sum({KNOWN}) AS n, sum({KNOWN} AND {WON}) AS won,
        sum(stop = 'error') AS errors, sum(stop = 'budget') AS unfinished,
        sum((stop != 'budget') * json_extract(summary, '$.steps')) AS steps,
        sum(json_extract(summary, '$.usage.calls')) AS calls,
        sum(json_extract(summary, '$.usage.prompt_tokens')) AS prompt,
        sum(json_extract(summary, '$.usage.cached_tokens')) AS cached,
        sum(json_extract(summary, '$.usage.completion_tokens')) AS completion,
        sum(json_extract(summary, '$.usage.cost_usd')) AS cost
        FROM {ROWS} GROUP BY phase, round, kind, task)
    GROUP BY phase, round, kind"""
_FAULTS = f"SELECT error, count(*), id FROM {ROWS} WHERE error != '' GROUP BY error ORDER BY 2 DESC LIMIT 12"


@dataclass(frozen=True, slots=True)
class Tally:
    """The episodes of a phase, a round and a kind of task. ``steps`` are those of finished episodes."""

    phase: str
    round: int
    kind: str
    episodes: int
    counted: Tried
    errors: int
    unfinished: int
    steps: int
    usage: Usage


def tallies(folder: Folder) -> list[Tally]:
    """All of a run's. Raises: MemoryDamaged."""
    return kept(folder, "tallies", lambda: [_tally(*row) for row in folder.rows.read(_TALLY)])


def faults(folder: Folder) -> list[tuple[str, int, str]]:
    """The most frequent error messages, with how often they came and an episode that shows each."""
    return kept(folder, "faults", lambda: folder.rows.read(_FAULTS))


def kept(folder: Folder, what: str, work_out: Callable[[], T]) -> T:
    """What was worked out of the episodes before, as long as nothing was written since."""
    with folder.lock:
        stamp = folder.rows.read("PRAGMA data_version")[0][0]
        known, found = folder.kept.get(what, (None, None))
        if known != stamp:
            found = work_out()
            folder.kept[what] = stamp, found
        return cast(T, found)


def rate(of: Iterable[Tally]) -> Rate:
    return Rate(sum((one.counted for one in of), Tried()))


def by_phase(of: Sequence[Tally]) -> dict[str, list[Tally]]:
    """Phases in their order."""
    places = {phase: place for place, phase in enumerate(ORDER)}
    phases = sorted({one.phase for one in of}, key=lambda phase: (places.get(phase, len(places)), phase))
    return {phase: [one for one in of if one.phase == phase] for phase in phases}


def phase_rows(of: Sequence[Tally]) -> list[PhaseRow]:
    return [_phase_row(phase, ones) for phase, ones in by_phase(of).items()]


def round_rows(of: Sequence[Tally], kept: Mapping[int, bool]) -> list[RoundRow]:
    """The rounds of the loop. ``kept``: what was decided of each, where something was."""
    numbers = sorted({one.round for one in of if one.phase in ("train", "validation")})
    return [
        RoundRow(
            number,
            rate(one for one in of if one.phase == "train" and one.round == number),
            rate(one for one in of if one.phase == "validation" and one.round == number),
            kept=kept.get(number),
        )
        for number in numbers
    ]


def kind_rows(series: Mapping[str, Sequence[Tally]]) -> list[KindRow]:
    """Success by kind of task, by the name of the series; those with most episodes first."""
    kinds = {one.kind for ones in series.values() for one in ones}
    rows = [KindRow(kind, {name: rate(t for t in ones if t.kind == kind) for name, ones in series.items()})
            for kind in sorted(kinds)]  # fmt: skip
    return sorted(rows, key=lambda row: -row.episodes)


def _tally(phase: str, round: int, kind: str | None, *rest: Any) -> Tally:
    episodes, *told = (value or 0 for value in rest)
    counted, (errors, unfinished, steps), usage = Tried(*told[:6]), told[6:9], Usage(*told[9:])
    return Tally(phase, round, kind or "", episodes, counted, errors, unfinished, steps, usage)


def _phase_row(phase: str, of: Sequence[Tally]) -> PhaseRow:
    episodes, unfinished = sum(one.episodes for one in of), sum(one.unfinished for one in of)
    finished = episodes - unfinished
    return PhaseRow(
        phase,
        episodes,
        rate(of),
        sum(one.steps for one in of) / finished if finished else None,
        sum(one.errors for one in of),
        unfinished,
        sum((one.usage for one in of), Usage()),
    )
