"""Control groups: a bound on the memory of a guest's processes together, what the kernel holds for them included.

Limits of single processes do not see what the kernel keeps: a million empty files, say. Root makes groups for each
guest where Linux lets it (version 2, or 1); elsewhere there are none, and the limits of the processes have to do.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from knowhow.environments.limits import Limits

ROOT = Path("/sys/fs/cgroup")
BESIDE_MB = 32
"""Megabytes for what starts the guest, and for what the kernel keeps."""
BESIDE_PROCESSES = 8
_NAME = "knowhow-sandbox"
_PATIENCE_S = 5
_numbers = itertools.count()


@contextmanager
def made(limits: Limits) -> Iterator[tuple[Path, ...]]:
    """The folders of new groups for one guest, gone in the end; none where none can be made."""
    groups = _groups(limits) if os.geteuid() == 0 else ()
    try:
        yield groups
    finally:
        remove(groups)


def entering(groups: Sequence[Path]) -> str:
    """What a shell runs to enter the groups, with all that it starts then."""
    return "".join(f"echo 0 > {folder}/cgroup.procs && " for folder in groups)


def remove(groups: Sequence[Path]) -> None:
    """Remove the groups, once all that was killed in them has ended, for which it waits some seconds."""
    until = time.monotonic() + _PATIENCE_S
    for folder in groups:
        while folder.exists() and not _removed(folder) and time.monotonic() < until:
            time.sleep(0.005)


def _groups(limits: Limits) -> tuple[Path, ...]:
    _remove_orphans()
    name = f"{_NAME}-{os.getpid()}-{next(_numbers)}"
    memory = (limits.memory_mb + limits.disk_mb + BESIDE_MB) << 20
    processes = limits.processes + BESIDE_PROCESSES
    wanted = {
        ROOT / name: {"memory.max": memory, "memory.swap.max": 0, "pids.max": processes},
        ROOT / "memory" / name: {"memory.limit_in_bytes": memory},
        ROOT / "pids" / name: {"pids.max": processes},
    }
    return tuple(folder for folder, settings in wanted.items() if _make(folder, settings))


def _make(folder: Path, settings: dict[str, int]) -> bool:
    """A group with these settings; False, and nothing left, where that is not to be had."""
    if not (folder.parent / "cgroup.procs").exists():
        return False
    try:
        folder.mkdir()
        for name, value in settings.items():
            (folder / name).write_text(str(value))
    except OSError:
        _removed(folder)
        return False
    return True


def _removed(folder: Path) -> bool:
    with suppress(OSError):
        folder.rmdir()
        return True
    return False


@cache
def _remove_orphans() -> None:
    """The groups of processes that were killed."""
    for place in (ROOT, ROOT / "memory", ROOT / "pids"):
        for folder in place.glob(f"{_NAME}-*-*"):
            if not Path("/proc", folder.name.split("-")[2]).exists():
                _removed(folder)
