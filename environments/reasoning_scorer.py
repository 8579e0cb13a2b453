"""reasoning-gym's own scorers, in a process of its own (see ``environments/worker.py``).

Some evaluate the answer as Python, or have sympy do it (countdown, n_queens, polynomial_multiplication, ...). So an
answer meets its scorer in a process that lives for it alone, has little time, memory and disk, and is refused what
touches the system. That is a fence, no wall: a model that may mean harm belongs into a container, whatever it plays.

This file imports nothing of its own package: the process that loads it may not have it.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping
from typing import Any

SECONDS = 5
MEMORY = 4 << 30
FORBIDDEN = ("os.", "shutil.", "subprocess.", "socket.", "ctypes.", "fcntl.", "signal.", "syslog.", "tempfile.", "pty.")
HARMLESS = ("os.listdir", "os.scandir", "os.putenv", "os.unsetenv")


class Engine:
    """One answer to one question."""

    def make(self, name: str, settings: Mapping[str, Any], seed: int, index: int) -> bool:
        """Make the question again: number ``index`` of its data set."""
        import reasoning_gym

        self._data = reasoning_gym.create_dataset(name, **settings, seed=seed, size=index + 1)
        self._entry = self._data[index]
        if self._entry["answer"] is not None:
            self._data.score_answer(answer=self._entry["answer"], entry=self._entry)  # loads all that it needs
        return True

    def score(self, answer: str) -> float:
        """The score in [0, 1] of an answer. Raises: whatever its scorer does."""
        _fence()
        return min(1.0, max(0.0, float(self._data.score_answer(answer=answer, entry=self._entry))))


def prepare() -> None:
    """Load the generators once. Raises: ImportError."""
    import reasoning_gym  # noqa: F401


def _fence() -> None:
    for limit, most in (
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    sys.addaudithook(_refuse)


def _refuse(event: str, given: tuple[Any, ...]) -> None:
    """What touches the system is refused, but for reading what is installed: modules are imported late."""
    reads = (
        event == "open" and str(given[0]).startswith((sys.prefix, sys.base_prefix)) and given[1] in ("r", "rb", None)
    )
    if (event == "open" and not reads) or (event.startswith(FORBIDDEN) and event not in HARMLESS):
        raise PermissionError(f"{event} is refused to what an answer makes happen")
