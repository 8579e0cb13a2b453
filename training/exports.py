"""Data as files that other trainers read: JSON lines or Parquet, in a format found by its name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from knowhow.environments.discover import find
from knowhow.environments.errors import BadSetting, KnowhowError, MissingExtra
from knowhow.environments.whole import whole_file
from knowhow.memory.codec import encode
from knowhow.training.card import card, sources
from knowhow.training.selecting import counted
from knowhow.training.types import Data, Datum

FORMATS = "knowhow.training.formats"

Record = Mapping[str, Any]
Format = Callable[[Sequence[Datum]], Sequence[Record | str]]
"""One record of each row, or why the format has none for it."""


def export(data: Data[Datum], name: str, path: Path) -> Data[Datum]:
    """Write the rows in the format ``name``, as JSON lines or Parquet by the ending of ``path``, and beside the file
    its card with the sources of every record (``card_path``). Returns what was written and what was left out.

    A reader, or a crash, sees the whole file or none. Raises: UnknownName; BadSetting for another ending, or where
    nothing is left to write; MissingExtra for Parquet without pyarrow; KnowhowError on a full disk.
    """
    write = _writer(path)
    made: Format = find(FORMATS, name)
    told = made(data.rows)
    left = counted(Counter(record for record in told if isinstance(record, str)), "rows")
    records = [record for record in told if not isinstance(record, str)]
    kept = tuple(row for row, record in zip(data.rows, told, strict=True) if not isinstance(record, str))
    written = Data(kept, (*data.dropped, *left))
    if not kept:
        reasons = "; ".join(f"{one.count} {one.what}: {one.why}" for one in written.dropped)
        raise BadSetting(f"there is nothing to write to {path} ({reasons or 'there are no episodes'})")
    _put(path, lambda part: write(records, part))
    about = {**card(written), "format": name, "sources": [encode(sources(row)) for row in kept]}
    _put(card_path(path), lambda part: part.write_text(json.dumps(about, ensure_ascii=False) + "\n", encoding="utf-8"))
    return written


def card_path(path: Path) -> Path:
    """Where the card of an exported file is: ``data.jsonl.card.json``."""
    return path.with_name(f"{path.name}.card.json")


def _writer(path: Path) -> Callable[[Sequence[Record], Path], None]:
    writers = {".jsonl": _json_lines, ".parquet": _parquet}
    if path.suffix not in writers:
        raise BadSetting(
            f"{path} ends in {path.suffix or 'nothing'}; name a file by --out that ends in .jsonl or .parquet"
        )
    return writers[path.suffix]


def _json_lines(records: Sequence[Record], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _parquet(records: Sequence[Record], path: Path) -> None:
    """Messages and tools as JSON values: nothing is added where one has a field that another lacks, and ``datasets``
    reads rows of any tools together, which it cannot where JSON lines differ after some ten megabytes."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra("Parquet needs pyarrow; install it: pip install 'knowhow-agents[data]'") from None

    def column(values: Sequence[Any]) -> Any:
        if not any(isinstance(value, list) for value in values):
            return pyarrow.array(values)
        texts = [[json.dumps(part, ensure_ascii=False) for part in value or ()] for value in values]
        return pyarrow.array(texts, pyarrow.list_(pyarrow.string())).cast(pyarrow.list_(pyarrow.json_()))

    names = dict.fromkeys(name for record in records for name in record)
    table = pyarrow.table({name: column([record.get(name) for record in records]) for name in names})
    parquet.write_table(table, path)


def _put(path: Path, write: Callable[[Path], Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            write(part)
    except OSError as error:
        raise KnowhowError(
            f"cannot write {path}: {error.strerror or error}; make room, or name another by --out"
        ) from None
