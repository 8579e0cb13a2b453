"""Servers in processes of their own, for tests: started until they say where they listen, ended at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from processes import command

MAIN = "from knowhow.evals.cli import main; main()"


@contextmanager
def server(words: Sequence[str], **environ: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The first line that a program prints, and its process, which is ended at the end."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, **environ}) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"{words[-1]} ended with {process.wait()}"
            yield line.strip(), process
        finally:
            process.kill()


@contextmanager
def served(suite: str, *options: str, **environ: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The URL of ``knowhow serve-suite`` in a process of its own, and the process."""
    with server([*command(MAIN), "serve-suite", suite, "--json", *options], **environ) as (line, process):
        yield json.loads(line)["url"], process


def python(program: str) -> list[str]:
    """What runs a program that knows nothing of Knowhow."""
    return [sys.executable, "-c", program]
