"""How the journal writes a batch: one row of JSON with a checksum, read back strictly."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from knowhow.environments.errors import BadSetting, MemoryDamaged
from knowhow.environments.redact import without_keys
from knowhow.memory.codec import decode
from knowhow.memory.fold import touched
from knowhow.memory.types import Batch, Edit, Item

COLUMNS = "version, at, note, key, edits, checksum"


def write_edits(edits: Sequence[Edit]) -> str:
    """The edits as JSON, without any key of the environment. Raises: BadSetting where JSON has no word for a value."""
    try:
        text = json.dumps(
            [{"op": e.op, "item": e.item, "fields": e.fields, "why": e.why} for e in edits],
            allow_nan=False,
            default=_as_dict,
            separators=(",", ":"),
        )
    except (TypeError, ValueError) as error:
        raise BadSetting(f"an edit cannot be written as JSON: {error}") from None
    return without_keys(text)


def read_edits(text: str) -> list[Edit]:
    """What ``write_edits`` wrote. Whatever is folded has been through JSON, so that the state in hand is the state that
    a later reader folds. Raises: BadSetting."""
    try:
        return [decode(Edit, data) for data in json.loads(text)]
    except ValueError as error:
        raise BadSetting(f"an edit cannot be read: {error}") from None


def checksum(row: Sequence[Any]) -> int:
    """Of a row's other columns."""
    return zlib.crc32("\0".join(map(str, row)).encode())


def clean(text: str) -> str:
    """Text that SQLite takes: half a surrogate pair, as a cut-off reply may hold, becomes a question mark. Without any
    key of the environment."""
    return without_keys(text).encode("utf-8", "replace").decode()


def batch(row: Any) -> Batch:
    version, at, note, key, edits, _ = row
    return Batch(version, at, note, key, tuple(read_edits(edits)))


def folded(items: Mapping[str, Item], row: Any) -> tuple[int, dict[str, Item | None], int]:
    """A row's version, what becomes of the items that it touches, and how many edits it holds. Raises: MemoryDamaged
    where it does not fit the state."""
    edits = read_edits(row[4])
    try:
        return row[0], touched(items, edits), len(edits)
    except BadSetting as error:
        raise MemoryDamaged(f"batch {row[0]} of the journal does not fit the ones before it: {error}") from None


def _as_dict(value: object) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r} is neither text, number, list nor mapping")
