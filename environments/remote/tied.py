"""Runs another program that ends, with all that it starts, when the process that started this one is gone, however
that ended; and when the program ends by itself, ends what it left behind.

It runs as ``python tied.py PID PROGRAM ARGUMENTS``, with the starter's own PID, on Linux alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
"""What loses its parent below this process becomes its child, so that none gets away."""


def main(parent: int, words: list[str]) -> int:
    """The program's exit status."""
    system = ctypes.CDLL(None, use_errno=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    tied = not system.prctl(PR_SET_CHILD_SUBREAPER, 1) and not system.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if not tied or os.getppid() != parent:
        sys.exit("the process that started this is gone")
    try:
        return subprocess.call(words)
    except OSError as error:
        sys.exit(f"{words[0]} cannot be run: {error.strerror}")
    finally:
        end_all()


def end_all() -> None:
    """Kill everything below this process; what that makes an orphan comes next."""
    while below := Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        for pid in map(int, below):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
