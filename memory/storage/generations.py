"""Where an index keeps its files: folders that one process at a time uses, believed only if they were closed whole.

``sound-*`` was closed, and its manifest tells the size and checksum of every file in it; ``open-*`` is in use, or its
process died. What was not closed, or changed since, is thrown away unread: chromadb 1.5.9 was seen to crash the process
on damaged vector files. While one process has it, another gets none: two PersistentClients on one path read stale data.
"""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
import tempfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_log = logging.getLogger(__name__)
_LOCK, _MANIFEST = "lock", "manifest.json"


@dataclass(frozen=True, slots=True)
class Generation:
    """A folder that is this process's own until it is released or discarded, or the process ends."""

    path: Path
    _lock: IO[str]

    def release(self) -> None:
        """Leave the files for the next to take; nothing may write to them any more. Raises: OSError."""
        (self.path / _MANIFEST).write_text(json.dumps(_contents(self.path)))
        for older in self.path.parent.glob("sound-*"):
            shutil.rmtree(older, ignore_errors=True)
        self.path.rename(_renamed(self.path, "sound"))
        self._lock.close()

    def discard(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def claim(folder: Path) -> Generation | None:
    """The last sound folder inside ``folder``, or an empty one; None where somebody has one. Raises: OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    if not _swept(folder):
        return None
    for sound in folder.glob("sound-*"):
        with suppress(FileNotFoundError):  # another process was faster
            taken = _lock(sound.rename(_renamed(sound, "open")))
            if _is_whole(taken.path):
                (taken.path / _MANIFEST).unlink()
                return taken
            _log.warning("the index %s changed since it was closed; it is built again", folder)
            taken.discard()
    return _lock(Path(tempfile.mkdtemp(prefix="open-", dir=folder)))


def _swept(folder: Path) -> bool:
    """Delete what processes left that died; False where one lives."""
    for path in folder.glob("open-*"):
        try:
            left = _lock(path)
        except OSError:
            return False
        left.discard()
        _log.warning("the index %s was not closed by the process that had it; it is built again", folder)
    return True


def _lock(path: Path) -> Generation:
    file = (path / _LOCK).open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return Generation(path, file)


def _renamed(path: Path, state: str) -> Path:
    return path.with_name(f"{state}-{path.name.partition('-')[2]}")


def _is_whole(path: Path) -> bool:
    try:
        manifest = json.loads((path / _MANIFEST).read_text())
    except (OSError, ValueError):
        return False
    return bool(manifest == _contents(path))


def _contents(path: Path) -> dict[str, list[int]]:
    files = (file for file in sorted(path.rglob("*")) if file.is_file() and file.name not in (_LOCK, _MANIFEST))
    return {str(file.relative_to(path)): [file.stat().st_size, zlib.crc32(file.read_bytes())] for file in files}
