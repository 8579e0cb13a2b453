"""A virtual environment for each framework, how large what it brings is, and how long its import takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

OFFLINE = {
    "MEM0_TELEMETRY": "False",
    "ANONYMIZED_TELEMETRY": "False",
    "OPIK_DISABLED": "true",
    "LANGSMITH_TRACING": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "DO_NOT_TRACK": "1",
}
"""Their own ways to be told to send nothing home, and to write no logs."""

ROOT = Path(__file__).parents[3]
PARTS = ("agents", "memory", "environments", "training", "evals")
_INSTALLERS = ("pip", "pip-", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence", "__pycache__")
# Where only the other one is installed, this package's folder stands in for it.
START = """
import runpy, sys, types
knowhow = types.ModuleType("knowhow")
knowhow.__path__ = [sys.argv.pop(1)]
sys.modules["knowhow"] = knowhow
sys.argv.pop(0)
runpy.run_module(sys.argv[0], run_name="__main__")
"""
_IMPORT = """
import json, sys, time, types
knowhow = types.ModuleType("knowhow")
knowhow.__path__ = [sys.argv[1]]
sys.modules["knowhow"] = knowhow
wall, cpu = time.perf_counter(), time.process_time()
for name in sys.argv[2:]:
    __import__(name)
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""


def environment(name: str, packages: Sequence[str], cache: Path, install: bool = True) -> tuple[str, str]:
    """The interpreter of a virtual environment with these packages, and why there is none (empty: there is)."""
    folder = cache / name
    python = folder / "bin" / "python"
    made = folder / "made"
    if made.exists() and made.read_text().split("\n") == list(packages):
        return str(python), ""
    if not install:
        return str(python), f"no environment for it under {cache}"
    venv.create(folder, with_pip=True, clear=True)
    words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        return str(python), last_line(done.stderr)
    made.write_text("\n".join(packages))
    return str(python), ""


def run(python: str, module: str, *arguments: object, timeout_s: float = 1800) -> dict[str, Any]:
    """The JSON object that a module of this folder prints last, or why there is none in ``failed``.

    It is told on standard error at once: what is interrupted after many minutes has not been for nothing.
    """
    figures = _ran(python, module, arguments, timeout_s)
    print(f"{module} {' '.join(map(str, arguments))}: {json.dumps(figures)}", file=sys.stderr, flush=True)
    return figures


def _ran(python: str, module: str, arguments: Sequence[object], timeout_s: float) -> dict[str, Any]:
    name = f"{__package__}.{module}"
    words = [python, "-c", START, str(ROOT), name, *map(str, arguments)]
    try:
        done = subprocess.run(words, env={**os.environ, **OFFLINE}, capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return {"failed": f"it took longer than {timeout_s / 60:.0f} minutes"}
    if done.returncode:
        return {"failed": last_line(done.stderr)}
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def installed_mb(python: str) -> float:
    """What lies in the environment's site-packages, without installers and without bytecode, in 10^6 bytes."""
    words = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip())
    parts = [part for part in site.iterdir() if not part.name.startswith(_INSTALLERS)]
    files = (file for part in parts for file in ([part] if part.is_file() else part.rglob("*")))
    size = sum(file.stat().st_size for file in files if file.is_file() and "__pycache__" not in file.parts)
    return round(size / 1e6, 1)


def own_mb() -> float:
    """Of this package's own files, in 10^6 bytes."""
    files = (file for part in PARTS for file in (ROOT / part).rglob("*") if "__pycache__" not in file.parts)
    return round(sum(file.stat().st_size for file in files if file.is_file()) / 1e6, 1)


def import_s(python: str, modules: Sequence[str], times: int) -> Mapping[str, Any]:
    """The medians of so many fresh processes, after one that writes the bytecode: seconds, those of the processor."""
    words = [python, "-c", _IMPORT, str(ROOT), *modules]
    taken = []
    for _ in range(times + 1):
        done = subprocess.run(words, env={**os.environ, **OFFLINE}, capture_output=True, text=True)
        if done.returncode:
            return {"failed": last_line(done.stderr)}
        taken.append(json.loads(done.stdout.splitlines()[-1]))
    wall, cpu = (round(median(column), 2) for column in zip(*taken[1:], strict=True))
    return {"wall_s": wall, "cpu_s": cpu}


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1][:300]
