"""The folder of a run: its settings, episodes, memory, checkpoints and result, so that it can be resumed, reported and
moved."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from uuid import uuid4

from knowhow.agents.tracing import in_run
from knowhow.environments.errors import BadSetting, KnowhowError, MemoryDamaged
from knowhow.environments.redact import without_keys
from knowhow.environments.types import Usage
from knowhow.environments.whole import whole_file
from knowhow.evals.settings import Settings, from_mapping
from knowhow.memory.codec import decode, encode
from knowhow.memory.episodes import Episodes

KINDS = ("run", "evolve")
LAYOUT = 1
"""The version of a run folder's layout."""
_LOCK, _MAKING = "lock", ".knowhow-making"
_SPENT_BYTES = 256


class RunFolder:
    """An open run folder; one process at a time holds it. ``kind`` is "run" or "evolve", ``id`` is the run's own. What
    is put on ``ends`` is closed with it.

    A folder is a run from the moment that it has its ``run.json``, which is written last; one whose making was cut off
    is made again from the start.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], episodes: Episodes, lock: Any) -> None:
        self.path, self.episodes = path, episodes
        self.kind, self.id = str(about["kind"]), str(about.get("id", ""))
        self.settings = from_mapping(about["settings"])
        self._lock, self.ends = lock, ExitStack()
        self._spent = None if lock is None else os.open(path / "spent.json", os.O_RDWR | os.O_CREAT, 0o644)

    @classmethod
    def create(
        cls, path: Path, kind: str, settings: Settings, fill: Callable[[Path], None] = lambda path: None
    ) -> RunFolder:
        """A new folder, in which ``fill`` puts what the run begins with.

        Raises: BadSetting where something is there already.
        """
        _refuse_taken(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadSetting(f"cannot make the run folder {path}: {error.strerror}; name another by --out") from None
        lock = _lock(path)
        try:
            _refuse_taken(path)
            return cls(path, _make(path, kind, settings, fill), Episodes.open(path), lock)
        except BaseException:
            lock.close()
            raise

    @classmethod
    def open(cls, path: Path, *, lock: bool = True) -> RunFolder:
        """An existing folder. Raises: MemoryDamaged where it is none, of another version, or half deleted."""
        about = read_about(path)
        held = _lock(path) if lock else None
        try:
            return cls(path, about, Episodes.open(path), held)
        except BaseException:
            if held is not None:
                held.close()
            raise

    def change(self, settings: Mapping[str, Any]) -> None:
        """Go on with other settings from here on. Raises: BadSetting for what they cannot be."""
        if settings:
            self.settings = from_mapping(settings, self.settings)
            write_json(self.path / "run.json", {**read_about(self.path), "settings": self.settings.to_dict()})

    @property
    def spent(self) -> Usage:
        """What the run has spent so far, all models and phases together."""
        with suppress(OSError, ValueError):
            return decode(Usage, json.loads((self.path / "spent.json").read_text()))
        return Usage()

    def save_spent(self, usage: Usage) -> None:
        """Cheap enough for every request: a run that is killed still knows what it has spent."""
        if self._spent is not None:
            os.pwrite(self._spent, json.dumps(encode(usage)).ljust(_SPENT_BYTES).encode(), 0)

    def close(self) -> None:
        self.episodes.close()
        if self._spent is not None:
            os.close(self._spent)
            self._spent = None
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> RunFolder:
        self.ends.enter_context(in_run(self.id))
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.ends.close()
        finally:
            self.close()


def read_about(path: Path) -> dict[str, Any]:
    """What ``run.json`` says. Raises: MemoryDamaged."""
    if not path.is_dir():
        raise MemoryDamaged(f"there is no run folder {path}")
    try:
        about = json.loads((path / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        begun = (path / _MAKING).exists()
        why = "it was cut off before it began; start it again" if begun else "it has no run.json"
        raise MemoryDamaged(f"{path} is no run folder: {why}") from None
    except (OSError, ValueError) as error:
        raise MemoryDamaged(f"{path}/run.json cannot be read ({error}); restore it from a copy") from None
    if not isinstance(about, dict) or about.get("layout") != LAYOUT:
        found = about.get("layout") if isinstance(about, dict) else None
        raise MemoryDamaged(f"{path} has the layout {found}, not {LAYOUT}; use the version of Knowhow that made it")
    if about.get("kind") not in KINDS or not isinstance(about.get("settings"), dict):
        raise MemoryDamaged(f"{path}/run.json lacks the kind or the settings of the run; restore it from a copy")
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


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """All or nothing: a reader, or a crash, sees the old file or the new one. Raises: KnowhowError on a full disk."""
    try:
        with whole_file(path) as part:
            part.write_text(without_keys(json.dumps(value, ensure_ascii=False, indent=1)), encoding="utf-8")
    except OSError as error:
        raise KnowhowError(f"cannot write {path}: {error.strerror}; make room and go on with --resume") from None


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keeps every other process out of a run folder for as long as it lasts. Raises: MemoryDamaged, BadSetting."""
    read_about(path)
    with _lock(path):
        yield


def _refuse_taken(path: Path) -> None:
    cut_off = (path / _MAKING).exists() and not (path / "run.json").exists()
    if not path.exists() or cut_off or (path.is_dir() and all(entry.name == _LOCK for entry in path.iterdir())):
        return
    raise BadSetting(f"{path} exists already; go on with it by --resume {path}, or name another by --out")


def _make(path: Path, kind: str, settings: Settings, fill: Callable[[Path], None]) -> dict[str, Any]:
    (path / _MAKING).touch()
    for left in path.glob("*.db*"):
        left.unlink()
    Episodes.open(path, create=True).close()
    fill(path)
    about = {
        "layout": LAYOUT,
        "kind": kind,
        "id": uuid4().hex[:12],
        "knowhow": _version(),
        "made": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "settings": settings.to_dict(),
    }
    write_json(path / "run.json", about)
    (path / _MAKING).unlink()
    return about


def _lock(path: Path) -> Any:
    import fcntl

    file = (path / _LOCK).open("w")
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
