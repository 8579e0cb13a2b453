"""JSON: every item whole, so that what is read is exactly what was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from json import JSONDecodeError, dumps, loads
from pathlib import Path
from typing import Any

from knowhow.memory.codec import decode, encode
from knowhow.memory.documents import malformed, text_of
from knowhow.memory.types import Item

_BEGINS = '{"version": '


class Json:
    """One object: the ``version`` of the memory, and its ``items`` with every field."""

    exact = True

    def likely(self, path: Path) -> float:
        return 1.0 if path.suffix == ".json" or (path.is_file() and text_of(path).startswith(_BEGINS)) else 0.0

    def read(self, path: Path) -> list[Item]:
        """The items as they were. Raises: BadSetting."""
        try:
            told = loads(text_of(path))
        except JSONDecodeError as error:
            raise malformed(path, error.lineno, error.msg) from None
        items = told.get("items") if isinstance(told, dict) else None
        if not isinstance(items, list):
            raise malformed(path, 1, "it is no object with a list of items")
        return [_item(path, place, item) for place, item in enumerate(items)]

    def write(self, items: Sequence[Item], version: int) -> Mapping[str, str]:
        return {"": dumps(to_json(items, version)) + "\n"}


def to_json(items: Sequence[Item], version: int) -> dict[str, Any]:
    """The same as plain data."""
    return {"version": version, "items": [encode(item) for item in items]}


def _item(path: Path, place: int, data: object) -> Item:
    try:
        return decode(Item, data)
    except ValueError as error:
        raise malformed(path, None, f"items[{place}]: {error}") from None
