"""Knowhow's memory beside those of others: the same texts and vectors, embedding time excluded for all, medians.

    python -m knowhow.evals.benches.peers

At 10,000 items: LangGraph's InMemoryStore, langmem's tools, mem0, ace-framework, and a playbook as text that is parsed
for every delta; at 100,000 a bare NumPy scan and a bare Chroma collection. Each runs in a process of its own, those
of others each in a virtual environment that is made for it under ``--cache`` (some 2 GB in all), without telemetry and
without a model. A delta adds one item, changes the text of one and counts one; recall finds the 8 nearest, which for
Knowhow, mem0 and langmem includes the filter that they always have. Processes take turns; the best median of the turns
counts, because other work on the machine only ever adds.

Prints one JSON object. What cannot be installed or does not run is there with the reason. Exits with 1 where a figure
that we hold ourselves to is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from knowhow.evals.benches import beside

OTHERS: Mapping[str, Sequence[str]] = {
    "langgraph_store": ("langgraph", "numpy"),
    "langmem_tools": ("langmem", "numpy"),
    "mem0_memory": ("mem0ai", "numpy"),
    "ace_skillbook": ("ace-framework==0.7.1",),
}
"""What each needs that is not here."""

FEW, MANY = ("knowhow_memory", "text_playbook"), ("knowhow_memory", "numpy_scan", "chroma_collection")

_OFFLINE = {
    "MEM0_TELEMETRY": "False",
    "ANONYMIZED_TELEMETRY": "False",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "DO_NOT_TRACK": "1",
}
# Where only the other one is installed, this package's folder stands in for it.
_START = """
import runpy, sys, types
knowhow = types.ModuleType("knowhow")
knowhow.__path__ = [sys.argv.pop(1)]
sys.modules["knowhow"] = knowhow
sys.argv.pop(0)
runpy.run_module(sys.argv[0], run_name="__main__")
"""


def measure(name: str, count: int, python: str = sys.executable) -> dict[str, Any]:
    """The figures of one memory with ``count`` items, or why there are none."""
    root = Path(beside.__file__).parents[3]
    print(f"{name} with {count} items ...", file=sys.stderr, flush=True)
    words = [python, "-c", _START, str(root), f"{beside.__name__}.{name}", str(count)]
    try:
        done = subprocess.run(words, env={**os.environ, **_OFFLINE}, capture_output=True, text=True, timeout=900)
    except subprocess.TimeoutExpired:
        return {"failed": "it took longer than 15 minutes"}
    if done.returncode:
        return {"failed": _last_line(done.stderr)}
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def environment(name: str, packages: Sequence[str], cache: Path) -> tuple[str, str]:
    """The interpreter of a virtual environment with these packages, and why it could not be made (empty: it could)."""
    folder = cache / name
    python = folder / "bin" / "python"
    if not (folder / "made").exists():
        venv.create(folder, with_pip=True, clear=True)
        words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            return str(python), _last_line(done.stderr)
        (folder / "made").touch()
    return str(python), ""


def best(turns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The lowest of each time, the rest as it was first; where a turn failed, that turn."""
    for turn in turns:
        if "failed" in turn:
            return dict(turn)
    return {
        name: min(turn[name] for turn in turns) if name.endswith("_ms") else value for name, value in turns[0].items()
    }


def compare(few: Mapping[str, Any], many: Mapping[str, Any]) -> dict[str, Any]:
    """How many times as fast as the others we are; None where there is nothing to compare with."""
    ours, at_many = few["knowhow_memory"], many["knowhow_memory"]
    bare = [many[name].get("recall_8_ms") for name in ("numpy_scan", "chroma_collection")]
    fastest = min((one for one in bare if one), default=None)
    return {
        "delta_against_text_playbook": _times(few["text_playbook"].get("delta_of_3_ms"), ours.get("delta_of_3_ms")),
        "recall_against_in_memory_store": _times(few["langgraph_store"].get("recall_8_ms"), ours.get("recall_8_ms")),
        "recall_at_many_against_fastest_bare": _times(fastest, at_many.get("recall_8_ms")),
        "open_and_recall_seconds": ours.get("open_and_recall_ms", 0) / 1000,
    }


def missed(compared: Mapping[str, Any]) -> list[str]:
    """The figures that we hold ourselves to and that were not reached."""
    wanted = {
        "delta_against_text_playbook": 10,
        "recall_against_in_memory_store": 50,
        "recall_at_many_against_fastest_bare": 0.5,
    }
    slow = [name for name, least in wanted.items() if compared[name] is not None and compared[name] < least]
    return slow + ["open_and_recall_seconds"] * (compared["open_and_recall_seconds"] >= 1)


def _times(theirs: float | None, ours: float | None) -> float | None:
    return round(theirs / ours, 2) if theirs and ours else None


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1][:300]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--few", type=int, default=10_000, help="items that all hold")
    parser.add_argument("--many", type=int, default=100_000, help="items that the quick ones hold")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path(gettempdir()) / "knowhow-peers", help="for environments")
    options = parser.parse_args()
    pythons = {name: environment(name, packages, options.cache) for name, packages in OTHERS.items()}
    few: dict[str, Any] = {name: {"failed": why} for name, (_, why) in pythons.items() if why}
    able = {name: python for name, (python, why) in pythons.items() if not why} | dict.fromkeys(FEW, sys.executable)
    at_few = [{name: measure(name, options.few, python) for name, python in able.items()} for _ in range(options.turns)]
    at_many = [{name: measure(name, options.many) for name in MANY} for _ in range(options.turns)]
    few |= {name: best([turn[name] for turn in at_few]) for name in able}
    many = {name: best([turn[name] for turn in at_many]) for name in MANY}
    compared = compare(few, many)
    print(
        json.dumps({str(options.few): few, str(options.many): many, "compared": compared, "missed": missed(compared)})
    )
    raise SystemExit(1 if missed(compared) else 0)


if __name__ == "__main__":
    main()
