"""What a result was made with, so that it can be made again: versions, commit, prompts, memory and adapters."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from knowhow.evals.settings import Settings
from knowhow.memory.codec import encode
from knowhow.memory.journal import Journal

PACKAGE = "knowhow-agents"


def made_with(settings: Settings) -> dict[str, Any]:
    """``knowhow``, ``python``, ``machine``; ``packages``: the versions of what Knowhow stands on; ``commit``: of the
    source that was run, with "+" where it had changes, "" outside a git checkout; ``prompts``: their SHA-256;
    ``memory`` and ``adapters``: version and SHA-256 of what is in them, where the settings name folders."""
    return {
        "knowhow": _version(PACKAGE),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "packages": _packages(),
        "commit": _commit(),
        "prompts": _prompts(),
        "memory": _journal(settings.memory),
        "adapters": _journal(settings.adapters),
    }


@cache
def _packages() -> dict[str, str]:
    """Those installed among the ones that Knowhow, with any extra, requires directly."""
    try:
        wanted = {_name(one) for one in requires(PACKAGE) or []}
    except PackageNotFoundError:
        return {}
    found = {_name(one.metadata["Name"]): one.version for one in distributions() if one.metadata["Name"]}
    return {name: found[name] for name in sorted(wanted & found.keys())}


def _name(requirement: str) -> str:
    letters = "".join(letter if letter.isalnum() or letter in "-_." else " " for letter in requirement)
    return letters.split()[0].lower().replace("_", "-")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


@cache
def _commit() -> str:
    source = Path(__file__).resolve().parent.parent
    if not (source / ".git").exists():
        return ""
    try:
        commit = _git(source, "rev-parse", "HEAD")
        return commit + ("+" if _git(source, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(where: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=where, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


@cache
def _prompts() -> str:
    seen = hashlib.sha256()
    for package in ("knowhow.agents", "knowhow.memory"):
        for name, text in sorted(_texts(files(package).joinpath("prompts"), package)):
            seen.update(f"{name}\0{text}\0".encode())
    return seen.hexdigest()


def _texts(folder: Traversable, within: str) -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        name = f"{within}/{entry.name}"
        if entry.is_dir():
            yield from _texts(entry, name)
        elif not entry.name.endswith((".pyc", ".pyo")):
            yield name, entry.read_text(encoding="utf-8")


def _journal(folder: str) -> dict[str, Any] | None:
    path = Path(folder) / "journal.db"
    if not folder or not path.is_file():
        return None
    with Journal.open(path) as journal:
        return {"folder": folder, "version": journal.version, "hash": _digest(journal)}


def _digest(journal: Journal) -> str:
    """Of what the memory holds, so that copies agree and a rewritten one does not."""
    items = {id: encode(item) for id, item in sorted(journal.items().items())}
    return hashlib.sha256(json.dumps(items, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
