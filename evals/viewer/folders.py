"""Which run folders are looked at, and their files, opened once and kept open."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from knowhow.environments.discover import unknown
from knowhow.environments.errors import KnowhowError, MemoryDamaged
from knowhow.evals.folder import read_about, read_result
from knowhow.evals.viewer.going import State, state
from knowhow.memory.episodes import EPISODES, Episodes
from knowhow.memory.journal import JOURNAL, Journal
from knowhow.memory.middleware import ABOUT
from knowhow.memory.storage.database import Database
from knowhow.memory.types import Item

_VERSIONS_KEPT = 4
"""Past states of a memory that are kept at hand."""


class Folder:
    """A run folder, or the memory folder of an agent with the middleware; its files are opened when they are needed."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.lock = threading.RLock()
        self.kept: dict[str, tuple[int, Any]] = {}
        """What was worked out of the episodes, by what it is, with the state of the file that it holds for."""
        self._past: dict[int, Mapping[str, Item]] = {}

    @property
    def about(self) -> Mapping[str, Any]:
        """What ``run.json`` says. Raises: MemoryDamaged."""
        if (self.path / ABOUT).exists() and not (self.path / "run.json").exists():
            return {"kind": "agent", "settings": {}}
        return read_about(self.path)

    @property
    def settings(self) -> Mapping[str, Any]:
        settings: Mapping[str, Any] = self.about["settings"]
        return settings

    @property
    def result(self) -> Mapping[str, Any] | None:
        return read_result(self.path)

    @property
    def state(self) -> State | None:
        """None for the folder of an agent, which is no run."""
        return None if self.about["kind"] == "agent" else state(self.path)

    @cached_property
    def rows(self) -> Database:
        """The episodes, to be asked for a page of them at a time. Raises: MemoryDamaged."""
        return Database.open(self.path / "episodes.db", EPISODES)

    @cached_property
    def episodes(self) -> Episodes:
        return Episodes(self.rows)

    @property
    def memory(self) -> Path | None:
        """The folder that holds the memory which this run built or used; None where it had none, or it is gone."""
        own = self.about["kind"] != "run"
        path = self.path if own else Path(str(self.settings.get("memory", "none")))
        return path if (path / "journal.db").is_file() else None

    @cached_property
    def journal(self) -> Journal:
        """Raises: MemoryDamaged where there is none, or it is damaged."""
        path = self.memory
        if path is None:
            raise MemoryDamaged(f"{self.path} has no memory that could be shown")
        return Journal.open(path / "journal.db")

    @cached_property
    def log(self) -> Database:
        """The journal's batches, to be asked for a page of them at a time."""
        self.journal  # noqa: B018 - which looks at every page of the file first
        return Database.open((self.memory or self.path) / "journal.db", JOURNAL)

    def items(self, version: int) -> Mapping[str, Item]:
        """The memory as it was. Raises: BadSetting for a version that is not there."""
        with self.lock:
            if version == self.journal.version:
                return self.journal.items()
            if version not in self._past:
                self._past = dict([*self._past.items()][1 - _VERSIONS_KEPT :])
                self._past[version] = self.journal.items(version)
            return self._past[version]

    def close(self) -> None:
        for name in ("rows", "journal", "log"):
            opened = self.__dict__.pop(name, None)
            if opened is not None:
                opened.close()
        self.__dict__.pop("episodes", None)
        self.kept.clear()
        self._past.clear()


class Folders:
    """The folders under the paths that were named: a run folder stands for itself, any other for the runs in it."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._open: dict[str, tuple[object, Folder]] = {}
        self._gone: list[Folder] = []
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """The names by which pages call the folders, as they are now."""
        return [*self._found()]

    def open(self, name: str) -> Folder:
        """Raises: UnknownName with the nearest matches; MemoryDamaged where it is no run folder."""
        found = self._found()
        if name not in found:
            raise unknown("run", name, sorted(found))
        path = found[name]
        with self._lock:
            stamp, folder = self._open.get(name, (None, None))
            now = _stamp(path)
            if folder is None or stamp != now:
                if folder is not None:  # another request may still read from it
                    self._gone.append(folder)
                folder = Folder(path, name)
                self._open[name] = now, folder
        _ = folder.about
        return folder

    def close(self) -> None:
        for folder in (*self._gone, *(folder for _, folder in self._open.values())):
            folder.close()

    def _found(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for path in (run for named in self._paths for run in _runs(named)):
            if path not in found.values():
                name, number = path.name or "run", 2
                while name in found:
                    name, number = f"{path.name}~{number}", number + 1
                found[name] = path
        return found


def check(paths: Sequence[Path]) -> None:
    """Raises: KnowhowError where a path is no folder, or there is nothing in it to show."""
    for path in paths:
        if not path.is_dir():
            raise MemoryDamaged(f"there is no folder {path}")
        if not [*_runs(path)]:
            raise KnowhowError(f"there is no run in {path}; make one with: knowhow evolve --suite household")


def _runs(path: Path) -> Iterator[Path]:
    path = path.absolute()
    if _is_run(path):
        yield path
    else:
        with suppress(OSError):
            yield from sorted((one for one in path.iterdir() if one.is_dir() and _is_run(one)), key=_age)


def _is_run(path: Path) -> bool:
    return any((path / name).exists() for name in ("run.json", ABOUT, "episodes.db"))


def _age(path: Path) -> tuple[float, str]:
    """The newest first."""
    try:
        return -(path / "run.json").stat().st_mtime, path.name
    except OSError:
        return 0.0, path.name


def _stamp(path: Path) -> object:
    """Another one where a file was put into another's place, as when a run was deleted and made again."""
    found = []
    for name in ("run.json", "episodes.db", "journal.db"):
        with suppress(OSError):
            stat = (path / name).stat()
            found.append((name, stat.st_ino, stat.st_mtime_ns if name == "run.json" else 0))
    return found
