"""Whether a process is working in a run folder, without getting into its way."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

State = Literal["going", "finished", "stopped"]

_QUIET_S = 120.0
"""Where the system does not tell who holds a lock: how long a run may write nothing and still count as going."""


def state(folder: Path) -> State:
    """A run without a result that nobody works on has stopped: it was interrupted, killed or cut off."""
    if (folder / "result.json").exists():
        return "finished"
    return "going" if _held(folder / "lock") else "stopped"


def _held(lock: Path) -> bool:
    """To try the lock itself could keep a run from starting at that very moment."""
    try:
        inode = lock.stat().st_ino
        held = Path("/proc/locks").read_text(encoding="utf-8").splitlines()
    except OSError:
        return _written_lately(lock.parent)
    taken = (line.split() for line in held if "FLOCK" in line and "->" not in line)
    return any(fields[5].rpartition(":")[2] == str(inode) for fields in taken)


def _written_lately(folder: Path) -> bool:
    newest = 0.0
    for name in ("spent.json", "episodes.db-wal", "episodes.db"):
        with suppress(OSError):
            newest = max(newest, (folder / name).stat().st_mtime)
    return time.time() - newest < _QUIET_S
