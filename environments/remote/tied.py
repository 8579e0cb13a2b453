"""Becomes another program that the system ends when the process that started it is gone, however that ended.

It runs as ``python tied.py PID PROGRAM ARGUMENTS``, with the starter's own PID, on Linux alone. What the program
starts in turn is not tied; it sees its standard input close.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, words: list[str]) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) or os.getppid() != parent:
        sys.exit("the process that started this is gone")
    try:
        os.execvp(words[0], words)
    except OSError as error:
        sys.exit(f"{words[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
