"""What untrusted code may take, and how the system is told."""

from __future__ import annotations

import math
from dataclasses import dataclass

from knowhow.environments.discover import at_least
from knowhow.environments.errors import BadSetting

LEAST_MEMORY = 32
"""Megabytes without which Python does not start."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``seconds`` by the clock, not counting what the host takes to answer; ``cpu``, seconds of processor time of each
    process; ``memory_mb`` of address space, which ``processes`` (threads count) share in equal parts; ``output_kb`` of
    standard output, of standard error, and of each request; ``disk_mb`` of scratch, which is memory as well.

    Raises: BadSetting where one is too small to run anything.
    """

    seconds: float = 5
    cpu: int = 5
    memory_mb: int = 256
    processes: int = 1
    output_kb: int = 64
    disk_mb: int = 16

    def __post_init__(self) -> None:
        at_least(1, cpu=self.cpu, processes=self.processes, output_kb=self.output_kb, disk_mb=self.disk_mb)
        at_least(LEAST_MEMORY * self.processes, memory_mb=self.memory_mb)
        number = isinstance(self.seconds, int | float) and not isinstance(self.seconds, bool)
        if not (number and math.isfinite(self.seconds) and self.seconds > 0):
            raise BadSetting(f"seconds={self.seconds!r} is no time above 0; write a number of seconds")

    def resources(self, processes: int | None) -> dict[str, tuple[int, int]]:
        """The system's limits by name, soft and hard, of each process; ``processes`` (None: somebody else counts them)
        is how many the user may have."""
        memory, disk = (self.memory_mb << 20) // self.processes, self.disk_mb << 20
        same = {"AS": memory, "FSIZE": disk, "NOFILE": 64, "CORE": 0, "MSGQUEUE": 0, "SIGPENDING": 64}
        if processes is not None:
            same["NPROC"] = processes
        return {"CPU": (self.cpu, self.cpu + 1), **{name: (most, most) for name, most in same.items()}}
