"""A memory as a document, in one of several formats, and its versions in words."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from knowhow.environments.discover import build, names
from knowhow.environments.errors import BadSetting
from knowhow.memory.documents import effect, record
from knowhow.memory.fold import Change
from knowhow.memory.types import Batch, Item

__all__ = ["Format", "batch_line", "change_lines", "effect", "format_of", "open_format", "record"]

FORMATS = "knowhow.memory.formats"


class Format(Protocol):
    """A way of writing a memory down, made without arguments. ``exact``: it keeps items whole, with their ids."""

    exact: bool

    def likely(self, path: Path) -> float:
        """How sure it is, in [0, 1], that the file or folder is of this format."""
        ...

    def read(self, path: Path) -> list[Item]:
        """Its items; the id is empty where it is to be a new one. Raises: BadSetting with the line and the reason."""
        ...

    def write(self, items: Sequence[Item], version: int) -> Mapping[str, str]:
        """Texts by their path within a folder; one document alone has the empty path."""
        ...


def open_format(name: str) -> Format:
    """Raises: UnknownName with the nearest matches."""
    made: Format = build(FORMATS, name)
    return made


def format_of(path: Path) -> str:
    """The name of the format that a file or folder most likely has. Raises: BadSetting where none is likely."""
    if not path.exists():
        raise BadSetting(f"there is no file or folder {path}")
    sure = {name: open_format(name).likely(path) for name in names(FORMATS)}
    best = max(sure, key=sure.__getitem__)
    if not sure[best]:
        raise BadSetting(f"{path} is of no known format; name one by --format: {', '.join(sorted(sure))}")
    return best


def write_files(files: Mapping[str, str], out: Path | None) -> Path:
    """Put what a format wrote into the file ``out``, or the folder where it is several. Raises: BadSetting."""
    if not files:
        raise BadSetting("the memory holds nothing that this format could say; nothing was written")
    if out is None:
        raise BadSetting("this format writes a folder; name it by --out")
    try:
        for name, text in files.items():
            path = out / name if name else out
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadSetting(f"cannot write {out}: {error.strerror}; name another by --out") from None
    return out


def batch_line(batch: Batch) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(batch.at))
    counts: dict[str, int] = {}
    for edit in batch.edits:
        counts[edit.op] = counts.get(edit.op, 0) + 1
    edits = ", ".join(f"{number} {op}" for op, number in sorted(counts.items())) or "no edits"
    return f"{batch.version:>5}  {at}  {batch.note or '-'} ({edits})"


def change_lines(change: Change) -> list[str]:
    """A change as a diff: ``-`` what was, ``+`` what is; for the same text, what else differs."""
    before, after = change.before, change.after
    if before is None or after is None or before.text != after.text:
        gone = [f"- {change.item}  {before.text}"] if before else []
        return gone + ([f"+ {change.item}  {after.text}"] if after else [])
    names = [name for name in Item.__dataclass_fields__ if getattr(before, name) != getattr(after, name)]
    return [
        f"~ {change.item}  "
        + ", ".join(f"{n}: {_short(getattr(before, n))} -> {_short(getattr(after, n))}" for n in names)
    ]


def _short(value: object) -> str:
    return f"{len(value)} entries" if isinstance(value, tuple | dict) else str(value)
