"""What every framework does with the model: steps of an episode, and learning from a finished one; how each is timed.

The episodes are the same for all, as Knowhow's novice played them: their goals, what was observed in them, and their
transcripts. The model is ``stub.py``. What a bare client needs for as many requests is taken off the wall time, so that
what is left is the framework's own; time on the processor is that of this process, all threads together. Nothing of
Knowhow is used here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any
from urllib.parse import urlsplit

MODEL, KEY = "stub", "none"
COUNTED = ("calls", "prompt_tokens", "completion_tokens", "embedding_calls")
_BARE_TRIPS = 60


@dataclass(frozen=True)
class Episode:
    """A task's ``goal``, what was ``observed`` from the first on, and the whole as ``text``."""

    goal: str
    observed: Sequence[str]
    text: str


@dataclass(frozen=True)
class Asked:
    """The stub's address, an empty folder, the episodes and the file that holds them; ``steps`` of an episode, ``most``
    episodes."""

    url: str
    folder: Path
    file: Path
    steps: int
    most: int

    @property
    def episodes(self) -> list[Episode]:
        read = json.loads(self.file.read_text())["episodes"][: self.most]
        return [Episode(one["goal"], one["observed"], one["text"]) for one in read]

    def timed(self, action: Callable[[Any], Any], on: Sequence[Any], units: int = 1) -> dict[str, float]:
        """Medians for a unit of the action, of which each call makes so many: milliseconds on the wall and on the
        processor, model calls and tokens. The first call warms up; ``first_cpu_s`` is what the process had used of the
        processor when it ended, all imports included."""
        bare, rows, first = self.bare_ms(), [], 0.0
        for one in on:
            before, cpu, began = self.counts(), process_time(), perf_counter()
            action(one)
            wall, cpu = 1000 * (perf_counter() - began), 1000 * (process_time() - cpu)
            made = {name: after - before[name] for name, after in self.counts().items()}
            trips = made["calls"] + made["embedding_calls"]
            first = first or process_time()
            rows.append({"wall_ms": max(0.0, wall - trips * bare), "cpu_ms": cpu, **made})
        middle = {name: median(row[name] for row in rows[1:]) / units for name in ("wall_ms", "cpu_ms", *COUNTED)}
        told = {**middle, "first_cpu_s": first, "stub_ms": bare}
        return {name: round(value, 3) for name, value in told.items()}

    def counts(self) -> dict[str, int]:
        connection = HTTPConnection(urlsplit(self.url).netloc)
        connection.request("GET", "/counts")
        told: dict[str, int] = json.loads(connection.getresponse().read())
        connection.close()
        return told

    def bare_ms(self) -> float:
        """The median of a request by a bare client over a kept connection, with a prompt as long as an observation."""
        connection, taken = HTTPConnection(urlsplit(self.url).netloc), []
        body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": self.episodes[0].observed[0]}]})
        for _ in range(_BARE_TRIPS):
            began = perf_counter()
            connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
            json.loads(connection.getresponse().read())
            taken.append(1000 * (perf_counter() - began))
        connection.close()
        return median(taken)


def main(run: Callable[[Asked], Mapping[str, Any]], *packages: str) -> None:
    """Print what ``run`` found (``step``, ``update`` and the ``settings``, in words), and the packages' versions.

    The command line says the stub's address, the file of episodes, the steps and the number of episodes.
    """
    url, file, steps, most = sys.argv[1:]
    with TemporaryDirectory() as folder:
        figures = run(Asked(url, Path(folder), Path(file), int(steps), int(most)))
    print(json.dumps({"versions": {package: version(package) for package in packages}, **figures}))
