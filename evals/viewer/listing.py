"""A page of a run's episodes: SQLite chooses and orders them, and no more is read than is shown."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from knowhow.evals.reporting.figures import outcome
from knowhow.evals.viewer.folders import Folder
from knowhow.evals.viewer.tallies import KNOWN, ROWS, WON, kept
from knowhow.memory.codec import decode
from knowhow.memory.episodes import Summary

PAGE = 50
OUTCOMES = {
    "solved": f"{KNOWN} AND stop != 'error' AND {WON}",
    "failed": f"{KNOWN} AND stop != 'error' AND NOT ({WON})",
    "error": "stop = 'error'",
    "cut off": "stop = 'budget'",
    "unknown": "reward IS NULL AND stop NOT IN ('error', 'budget')",
}
_HEAD_BYTES = 4096
"""Of a packed episode: enough for its task, which stands at its beginning."""
_ORDER = 'ORDER BY phase, round, "index"'


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page of episodes is asked for; empty for all. ``text`` looks in ids, tasks, models and error messages, and
    as ``cites:ID``, ``shown:ID`` or ``withheld:ID`` in what memory had to do with an episode."""

    text: str = ""
    phase: str = ""
    round: str = ""
    kind: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """An episode in a list; ``goal`` is empty where it could not be read without all the rest."""

    summary: Summary
    outcome: str
    goal: str


@dataclass(frozen=True, slots=True)
class Listing:
    """``rows`` are those of page ``page``, counted from 1; ``found`` and ``solved`` count all that were asked for."""

    rows: list[Row]
    found: int
    solved: int
    page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.found // PAGE))


def listing(folder: Folder, asked: Asked, page: int) -> Listing:
    """Raises: MemoryDamaged."""
    where, values = _where(asked)
    counted = f"SELECT count(*), sum({KNOWN} AND {WON}) FROM {ROWS} WHERE {where}"
    ((found, solved),) = folder.rows.read(counted, *values)
    page = min(max(1, page), max(1, -(-found // PAGE)))
    # The place of each first: what is sorted and skipped is not the whole rows.
    chosen = f"SELECT row FROM {ROWS} WHERE {where} {_ORDER} LIMIT {PAGE} OFFSET {(page - 1) * PAGE}"
    query = f"SELECT summary, substr(body, 1, {_HEAD_BYTES}) FROM episodes WHERE rowid IN ({chosen}) {_ORDER}"
    rows = [_row(*row) for row in folder.rows.read(query, *values)]
    return Listing(rows, found, solved or 0, page)


def choices(folder: Folder) -> Mapping[str, list[Any]]:
    """The phases, rounds and kinds that there are."""

    def distinct() -> Mapping[str, list[Any]]:
        found = folder.rows.read(f"SELECT DISTINCT phase, round, kind FROM {ROWS}")
        return {name: sorted({row[place] for row in found}) for place, name in enumerate(("phase", "round", "kind"))}

    return kept(folder, "choices", distinct)


def neighbours(folder: Folder, episode: str) -> tuple[str, str]:
    """The ids of the episodes before and after one, in the order of the list; empty at its ends."""
    here = folder.rows.read('SELECT phase, round, "index" FROM episodes WHERE id = ? ORDER BY rowid DESC', episode)[0]
    key, back = '(phase, round, "index")', 'ORDER BY phase DESC, round DESC, "index" DESC'
    before = folder.rows.read(f"SELECT id FROM episodes WHERE {key} < (?, ?, ?) {back} LIMIT 1", *here)
    after = folder.rows.read(f"SELECT id FROM episodes WHERE {key} > (?, ?, ?) {_ORDER} LIMIT 1", *here)
    return before[0][0] if before else "", after[0][0] if after else ""


def twins(folder: Folder, one: Summary) -> list[Row]:
    """The same task in other phases and rounds."""
    query = f"SELECT summary FROM {ROWS} WHERE task = ? AND id != ? {_ORDER} LIMIT 24"
    return [_row(summary, b"") for (summary,) in folder.rows.read(query, one.task, one.id)]


def summary(folder: Folder, episode: str) -> Summary:
    """The light row of an episode that is there."""
    query = "SELECT summary FROM episodes WHERE id = ? ORDER BY rowid DESC LIMIT 1"
    return decode(Summary, json.loads(folder.rows.read(query, episode)[0][0]))


def _where(asked: Asked) -> tuple[str, list[Any]]:
    wanted: list[tuple[str, list[Any]]] = [("1", [])]
    for name in ("phase", "kind"):
        if getattr(asked, name):
            wanted.append((f"{name} = ?", [getattr(asked, name)]))
    if asked.round.isdigit():
        wanted.append(("round = ?", [int(asked.round)]))
    if asked.outcome in OUTCOMES:
        wanted.append((OUTCOMES[asked.outcome], []))
    wanted += [_worded(word) for word in asked.text.split()]
    return " AND ".join(f"({condition})" for condition, _ in wanted), [one for _, values in wanted for one in values]


def _worded(word: str) -> tuple[str, list[Any]]:
    name, colon, item = word.partition(":")
    field = {"cites": "cited", "shown": "shown", "withheld": "withheld"}.get(name)
    if colon and field:
        return (f"EXISTS (SELECT 1 FROM json_each(summary, '$.{field}') WHERE value = ?)", [item])
    texts = "id || ' ' || task || ' ' || error || ' ' || json_extract(summary, '$.model')"
    return f"instr(lower({texts}), ?)", [word.lower()]


def _row(summary: str, head: bytes) -> Row:
    one = decode(Summary, json.loads(summary))
    return Row(one, outcome(one), _goal(head))


def _goal(head: bytes) -> str:
    """The goal of the task, from the first bytes of an episode."""
    with suppress(zlib.error, ValueError, KeyError, TypeError):
        text = zlib.decompressobj().decompress(head, 4 * _HEAD_BYTES).decode("utf-8", "ignore")
        task, _ = json.JSONDecoder().raw_decode(text, text.index('"task":') + len('"task":'))
        return str(task["goal"])
    return ""
