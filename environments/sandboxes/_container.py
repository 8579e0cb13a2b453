"""A container for each guest, by the command line that Docker and Podman have in common."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from uuid import uuid4

from knowhow.environments.limits import Limits
from knowhow.environments.walls import NOBODY, Started

IMAGE = "KNOWHOW_SANDBOX_IMAGE"
DEFAULT_IMAGE = "docker.io/library/python:3.11-slim"
BESIDE_MB = 32
BESIDE_PROCESSES = 15
"""The engine's own threads, which count until the guest's program has taken their place."""
_LABEL = "knowhow-sandbox-host"
_PATIENCE_S = 60


class Container:
    """Walls that an engine builds; its image needs ``python3`` and nothing else, and is never fetched from here."""

    engine: str
    rank: int

    def fails(self) -> str:
        return _fails(self.engine, image())

    @contextmanager
    def start(self, code: str, limits: Limits) -> Iterator[Started]:
        name = f"knowhow-{uuid4().hex[:12]}"
        words = command(self.engine, name, code, limits)
        yield Started(words, environ=os.environ, end=partial(_remove, self.engine, name))  # the guest gets no variables


def image() -> str:
    return os.environ.get(IMAGE) or DEFAULT_IMAGE


def command(engine: str, name: str, code: str, limits: Limits) -> list[str]:
    """What starts the guest; the limits of single processes it sets itself."""
    memory = f"{limits.memory_mb + limits.disk_mb + BESIDE_MB}m"
    scratch = f"/tmp:rw,nosuid,nodev,size={limits.disk_mb}m,mode=1777"
    return [
        *(engine, "run", "--rm", "--interactive", "--pull", "never", "--log-driver", "none"),
        *("--name", name, "--label", f"{_LABEL}={os.getpid()}"),
        *("--network", "none", "--ipc", "none", "--hostname", "sandbox"),
        *("--user", f"{NOBODY}:{NOBODY}", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--read-only", "--tmpfs", scratch, "--workdir", "/tmp"),
        *("--memory", memory, "--memory-swap", memory, "--pids-limit", str(limits.processes + BESIDE_PROCESSES)),
        *("--ulimit", "nofile=64:64", "--ulimit", "core=0:0", "--ulimit", "nproc=4096:4096"),
        *("--entrypoint", "python3", image(), "-I", "-S", "-c", code),
    ]


@cache
def _fails(engine: str, image: str) -> str:
    """Tried once."""
    if not shutil.which(engine):
        return f"{engine} is not installed"
    if _run(engine, "image", "inspect", image).returncode:
        return f"{engine} does not run, or has no image {image} ({engine} pull {image}, or name another in {IMAGE})"
    _end_orphans(engine)
    tried = _run(*command(engine, f"knowhow-{uuid4().hex[:12]}", "", Limits()))
    return f"{engine} does not work ({tried.stderr.strip()[-200:]})" if tried.returncode else ""


def _end_orphans(engine: str) -> None:
    """End the containers of hosts that were killed."""
    shown = _run(engine, "ps", "--filter", f"label={_LABEL}", "--format", f'{{{{.Names}}}} {{{{.Label "{_LABEL}"}}}}')
    for line in shown.stdout.splitlines():
        name, _, host = line.partition(" ")
        if host.isdecimal() and not os.path.exists(f"/proc/{host}"):  # noqa: PTH110
            _remove(engine, name)


def _remove(engine: str, name: str) -> None:
    _run(engine, "rm", "--force", name)


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(words, 1, "", str(error))
