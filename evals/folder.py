"""The folder of a run: its settings, episodes, memory, checkpoints and result, so that it can be resumed, reported and
moved."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from knowhow.environments.errors import BadSetting, KnowhowError, MemoryDamaged
from knowhow.environments.types import Usage
from knowhow.evals.settings import Settings, from_mapping
from knowhow.memory.codec import decode, encode
from knowhow.memory.episodes import Episodes

LAYOUT = 1
"""The version of a run folder's layout."""


class RunFolder:
    """An open run folder; one process at a time holds it. ``kind`` is "run" or "evolve"."""

    def __init__(self, path: Path, kind: str, settings: Settings, episodes: Episodes, lock: Any) -> None:
        self.path, self.kind, self.settings, self.episodes = path, kind, settings, episodes
        self._lock = lock

    @classmethod
    def create(cls, path: Path, kind: str, settings: Settings) -> RunFolder:
        """A new folder. Raises: BadSetting where something is there already."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            way = f"go on with it by --resume {path}, or name another" if kind == "evolve" else "name another"
            raise BadSetting(f"{path} exists already; {way} by --out")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadSetting(f"cannot make the run folder {path}: {error.strerror}; name another by --out") from None
        lock = _lock(path)
        write_json(
            path / "run.json",
            {
                "layout": LAYOUT,
                "kind": kind,
                "knowhow": _version(),
                "made": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
                "settings": settings.to_dict(),
            },
        )
        return cls(path, kind, settings, Episodes.open(path, create=True), lock)

    @classmethod
    def open(cls, path: Path, *, lock: bool = True) -> RunFolder:
        """An existing folder. Raises: MemoryDamaged where it is none, of another version, or half deleted."""
        about = read_about(path)
        held = _lock(path) if lock else None
        return cls(path, str(about["kind"]), from_mapping(about["settings"]), Episodes.open(path), held)

    @property
    def spent(self) -> Usage:
        """What the run has spent so far, all models and phases together."""
        with suppress(OSError, ValueError):
            return decode(Usage, json.loads((self.path / "spent.json").read_text()))
        return Usage()

    def save_spent(self, usage: Usage) -> None:
        write_json(self.path / "spent.json", encode(usage), durable=False)

    def close(self) -> None:
        self.episodes.close()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_about(path: Path) -> dict[str, Any]:
    """What ``run.json`` says. Raises: MemoryDamaged."""
    if not path.is_dir():
        raise MemoryDamaged(f"there is no run folder {path}")
    try:
        about = json.loads((path / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MemoryDamaged(f"{path} is no run folder: it has no run.json") from None
    except (OSError, ValueError) as error:
        raise MemoryDamaged(f"{path}/run.json cannot be read ({error}); restore it from a copy") from None
    if not isinstance(about, dict) or about.get("layout") != LAYOUT:
        found = about.get("layout") if isinstance(about, dict) else None
        raise MemoryDamaged(f"{path} has the layout {found}, not {LAYOUT}; use the version of Knowhow that made it")
    return about


def read_result(path: Path) -> dict[str, Any] | None:
    """The result of a finished run, or None. Raises: MemoryDamaged where it cannot be read."""
    try:
        read: dict[str, Any] = json.loads((path / "result.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise MemoryDamaged(f"{path}/result.json cannot be read ({error}); resume or repeat the run") from None
    return read


def write_json(path: Path, value: Mapping[str, Any], *, durable: bool = True) -> None:
    """All or nothing: a reader, or a crash, sees the old file or the new one. Raises: KnowhowError on a full disk."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False, indent=1)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise KnowhowError(f"cannot write {path}: {error.strerror}; make room and go on with --resume") from None


def _lock(path: Path) -> Any:
    import fcntl

    file = (path / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise BadSetting(f"another process is working in {path}; wait for it, or name another folder") from None
    return file


def _version() -> str:
    try:
        return version("knowhow-agents")
    except PackageNotFoundError:
        return "unknown"
