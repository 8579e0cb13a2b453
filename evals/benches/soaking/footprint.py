"""What a process and all that it started hold at a moment. Linux only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median

Footprint = Mapping[str, float]
"""Of this process and of its descendants: megabytes (proportional set size, so that shared pages count once), number of
processes, open file descriptors (of this process), and files in the temporary folder."""


def footprint() -> Footprint:
    mine, others = os.getpid(), descendants(os.getpid())
    return {
        "own_mb": pss(mine),
        "children_mb": sum(map(pss, others)),
        "processes": len(others),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "temporary_files": sum(len(folders) + len(files) for _, folders, files in os.walk(tempfile.gettempdir())),
    }


def growth(looks: list[Footprint]) -> dict[str, dict[str, float]]:
    """The median of the first half of the looks, of the second half, and how much more that is."""
    half = len(looks) // 2
    told = {}
    for name in looks[0]:
        first, second = (median(look[name] for look in part) for part in (looks[:half], looks[half:]))
        told[name] = {"first": round(first, 1), "second": round(second, 1), "grew": round(second - first, 1)}
    return told


def descendants(pid: int) -> dict[int, int]:
    """All processes below this one, each with its parent."""
    children = [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in _read(path).split()]
    below = dict.fromkeys(children, pid)
    for child in children:
        below |= descendants(child)
    return below


def pss(pid: int) -> float:
    """Proportional set size in MB; 0 for a process that just ended."""
    lines = _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def name(pid: int) -> str:
    """What the process calls itself; empty where it is gone."""
    return _read(Path(f"/proc/{pid}/comm")).strip()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ProcessLookupError):
        return ""
