"""Python programs in processes of their own, for tests."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

CONFTEST = Path(__file__).resolve().with_name("conftest.py")


def command(program: str) -> list[str]:
    """What starts a program that imports ``knowhow``, which may not be installed there."""
    return [sys.executable, "-c", CONFTEST.read_text().replace("__file__", repr(str(CONFTEST))) + program]


def run(program: str, **environ: str | None) -> str:
    """What a program prints, with these variables in its environment; None takes one out."""
    changed = {name: value for name, value in {**os.environ, **environ}.items() if value is not None}
    done = subprocess.run(command(program), env=changed, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def runs(pid: int) -> bool:
    """Is there such a process, not counting one that has ended and waits to be buried?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def gone(pid: int) -> None:
    """Wait until a process has ended. Raises: AssertionError where it does not."""
    until = time.monotonic() + 10
    while runs(pid):
        assert time.monotonic() < until, f"process {pid} is still there"
        await asyncio.sleep(0.02)
