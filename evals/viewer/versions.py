"""A memory's versions for its pages: what each did, how many items there were, and what differs between two."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from knowhow.evals.viewer.folders import Folder
from knowhow.memory.fold import Change, difference

PAGE = 50
_BACK = re.compile(r"\brollback/(\d+)$")
"""How the loop's keys in the journal end where it rolled a round back."""


@dataclass(frozen=True, slots=True)
class Version:
    """A batch of edits; ``counts`` how many there are of each operation."""

    version: int
    at: float
    note: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Differences:
    """The changes of page ``page``, counted from 1, of ``found`` ones."""

    changes: Sequence[Change]
    found: int
    page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.found // PAGE))


def versions(folder: Folder, before: int) -> list[Version]:
    """A page of versions below ``before``, the newest first."""
    counted = "SELECT json_group_object(op, n) FROM (SELECT json_extract(value, '$.op') AS op, count(*) AS n " \
              "FROM json_each(edits) GROUP BY op)"  # fmt: skip
    query = f"SELECT version, at, note, ({counted}) FROM batches WHERE version < ? ORDER BY version DESC LIMIT {PAGE}"
    return [Version(number, at, note, json.loads(ops)) for number, at, note, ops in folder.log.read(query, before)]


def growth(folder: Folder) -> list[tuple[int, int]]:
    """By how many items each version made the memory grow."""
    op = "json_extract(value, '$.op')"
    query = f"SELECT version, sum(({op} = 'add') - ({op} = 'remove')) FROM batches, json_each(edits) GROUP BY version"
    return folder.log.read(query)


def differences(folder: Folder, a: int, b: int, page: int) -> Differences:
    """Raises: BadSetting for a version that is not there."""
    changes = difference(folder.items(a), folder.items(b))
    page = min(max(1, page), max(1, -(-len(changes) // PAGE)))
    return Differences(changes[(page - 1) * PAGE : page * PAGE], len(changes), page)


def decided(folder: Folder) -> dict[int, bool]:
    """Which rounds were kept: as the result says, or while there is none, which the journal tells to be rolled back."""
    result = folder.result
    if result is not None:
        return {one["round"]: one["kept"] for one in result.get("rounds", ())}
    if folder.memory is None:
        return {}
    rows = folder.log.read("SELECT key FROM batches WHERE at >= ? AND key LIKE '%rollback/%'", _began(folder))
    return {int(found[1]): False for (key,) in rows if (found := _BACK.search(key))}


def _began(folder: Folder) -> float:
    """When the run began, in seconds since the epoch: what it went on from may tell of rounds too."""
    with suppress(KeyError, ValueError, TypeError):
        return datetime.fromisoformat(folder.about["made"]).timestamp()
    return 0.0
