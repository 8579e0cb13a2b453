"""Knowhow beside other frameworks: one table of what each costs, with versions, settings, and why where we are behind.

    python -m knowhow.evals.benches.peers                    # --quick: small sizes; --json: all that was measured

Peers are ace-framework, langmem, mem0, gepa and dspy, each in a virtual environment that is made for it under
``--cache`` (some 2 GB in all), without telemetry, each used as its own documents do, in their fastest way. All talk to
one stub of OpenAI's protocol on loopback, which answers at once, and learn from the same episodes. Measured are

- a step of an agent, and a learning update from one finished episode: milliseconds beyond those of a bare client,
  those of the processor, model calls and tokens (``beside/asking.py``);
- a delta (add an item, change one, count one) and the recall of the 8 nearest, with the same texts and vectors, the
  time of embedding left out for all (``beside/measuring.py``);
- four writers at one memory, as processes and as threads: writes a second, and how many were lost;
- what is installed, and what its import takes.

Each figure is a median inside a process of its own; of ``--turns`` of them, which take turns, the lowest counts,
because other work on the machine only ever adds. What the bare parts take, that a memory could be made of, is there
as well: a NumPy scan, a Chroma collection, LangGraph's store, a playbook parsed from text. Exits with 1 where a figure
that we hold ourselves to is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from knowhow.evals.benches.beside import played, stub
from knowhow.evals.benches.beside.environments import (
    ROOT,
    START,
    environment,
    import_s,
    installed_mb,
    own_mb,
    run,
)
from knowhow.evals.benches.beside.systems import BARE, OURS, SYSTEMS, System
from knowhow.evals.benches.beside.table import table

Figures = dict[str, Any]


def best(turns: Sequence[Mapping[str, Any]]) -> Figures:
    """The lowest of each time, also inside, the highest of each rate, the rest as it was first.

    Where a turn failed, that turn. The first has all; a later one need not."""
    failed = next((turn for turn in turns if "failed" in turn), None)
    if failed is not None:
        return dict(failed)
    return {name: _best(name, [turn[name] for turn in turns if name in turn]) for name in turns[0]}


def _best(name: str, values: Sequence[Any]) -> Any:
    if isinstance(values[0], Mapping):
        return best(values)
    if name.endswith("_per_s"):
        return max(values)
    return min(values) if name.endswith(("_ms", "_s")) else max(values) if name == "lost" else values[0]


@contextmanager
def serving() -> Iterator[str]:
    """The address of a stub in a process of its own, which ends when its input does, however this one ends."""
    words = [sys.executable, "-c", START, str(ROOT), stub.__name__]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def measure(system: System, python: str, sizes: Sequence[int], options: argparse.Namespace, episodes: Path) -> Figures:
    """One turn of all that this system has."""
    found: Figures = {}
    if system.agent:
        with serving() as url:
            found["agent"] = run(python, system.agent, url, episodes, options.steps, options.episodes)
    if system.memory:
        found["memory"] = {str(size): run(python, system.memory, size) for size in sizes}
    if system.writing:
        found["writing"] = run(python, "writing", system.writing, options.writers, options.writes)
    return found


def measure_all(options: argparse.Namespace) -> Figures:
    """The figures by system, the bare parts among them; sizes above ``options.once_above`` in the first turn alone,
    because filling a memory with so much takes minutes."""
    pythons = {name: _python(name, options) for name in options.systems}
    able = {name: (SYSTEMS[name], python) for name, (python, why) in pythons.items() if not why}
    bare = {
        name: (system, able[OURS][1] if OURS in able else sys.executable)
        for name, system in BARE.items()
        if not options.quick
    }
    few = [size for size in options.items if size <= options.once_above]
    turns = []
    with TemporaryDirectory() as folder:
        episodes = Path(folder) / "episodes.json"
        played.write(episodes, options.episodes)
        for sizes in [options.items, *[few] * (options.turns - 1)]:
            both = (able | bare).items()
            turns.append({name: measure(system, python, sizes, options, episodes) for name, (system, python) in both})
    found: Figures = {name: {"failed": why} for name, (_, why) in pythons.items() if why}
    found |= {name: best([turn[name] for turn in turns]) for name in able | bare}
    for name, (system, python) in able.items():
        found[name] |= {"import": import_s(python, system.imports, options.repeats), **_installed(name, python)}
    return found


def _python(name: str, options: argparse.Namespace) -> tuple[str, str]:
    """Ours is measured with this interpreter where there is no environment for it."""
    python, why = environment(name, SYSTEMS[name].packages, options.cache, not options.no_install)
    return (sys.executable, "") if why and name == OURS else (python, why)


def _installed(name: str, python: str) -> Figures:
    if python == sys.executable:
        return {}
    return {"installed_mb": round(installed_mb(python) + (own_mb() if name == OURS else 0), 1)}


def compare(found: Mapping[str, Any], few: int, many: int) -> Figures:
    """How many times as fast as the bare parts we are; None where there is nothing to compare with."""

    def at(name: str, size: int, figure: str) -> float | None:
        number = found.get(name, {}).get("memory", {}).get(str(size), {}).get(figure)
        return number if number is None else float(number)

    bare = [at(name, many, "recall_8_ms") for name in ("numpy", "chroma")]
    opened = at(OURS, few, "open_and_recall_ms")
    return {
        "delta_against_text": _times(at("text", few, "delta_of_3_ms"), at(OURS, few, "delta_of_3_ms")),
        "recall_against_langgraph": _times(at("langgraph", few, "recall_8_ms"), at(OURS, few, "recall_8_ms")),
        "recall_at_many_against_fastest_bare": _times(
            min((one for one in bare if one), default=None), at(OURS, many, "recall_8_ms")
        ),
        "open_and_recall_seconds": None if opened is None else opened / 1000,
    }


def missed(compared: Mapping[str, Any]) -> list[str]:
    """The figures that we hold ourselves to and that were not reached."""
    wanted = {"delta_against_text": 10, "recall_against_langgraph": 50, "recall_at_many_against_fastest_bare": 0.5}
    slow = [name for name, least in wanted.items() if compared[name] is not None and compared[name] < least]
    return slow + ["open_and_recall_seconds"] * ((compared["open_and_recall_seconds"] or 0) >= 1)


def _times(theirs: float | None, ours: float | None) -> float | None:
    return round(theirs / ours, 2) if theirs and ours else None


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS), metavar="NAME")
    parser.add_argument("--items", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="that a memory holds")
    parser.add_argument("--once-above", type=int, default=10_000, help="more items are measured in one turn alone")
    parser.add_argument("--steps", type=int, default=20, help="of an episode")
    parser.add_argument("--episodes", type=int, default=13, help="that are learned from; the first one warms up")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--writes", type=int, default=100, help="of each writer")
    parser.add_argument("--repeats", type=int, default=5, help="of an import")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="1,000 items, one turn, few repeats, no bare parts")
    parser.add_argument("--no-install", action="store_true", help="leave out what has no environment yet")
    parser.add_argument("--cache", type=Path, default=Path(gettempdir()) / "knowhow-peers", help="for environments")
    parser.add_argument("--json", action="store_true", help="all that was measured, as one object")
    options = parser.parse_args(arguments)
    if options.quick:
        vars(options).update(items=[1_000], steps=5, episodes=4, writes=10, repeats=1, turns=1)
    return options


def main() -> None:
    options = options_of()
    before = os.getloadavg()[0]
    found = measure_all(options)
    few = options.items[min(1, len(options.items) - 1)]
    compared = compare(found, few, options.items[-1])
    about = {"load_before": round(before, 2), "load_after": round(os.getloadavg()[0], 2), "cores": os.cpu_count()}
    if options.json:
        print(json.dumps({**found, **about, "compared": compared, "missed": missed(compared)}))
    else:
        print(table(found, options.items, options.systems))
        print(f"\nbeside the bare parts, times as fast: {compared}; missed: {missed(compared) or 'none'}; {about}")
    raise SystemExit(1 if missed(compared) else 0)


if __name__ == "__main__":
    main()
