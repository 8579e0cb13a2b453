"""Kills evolutions at random moments and sees what is left: nothing acknowledged may be lost.

    python -m knowhow.evals.benches.kill9 --kills 300

``knowhow evolve`` runs on the suite household with small settings, in a process that is killed (SIGKILL) after a random
while and resumed, again and again until it is done; then the next run begins. Looked at after every kill:

- every batch of edits that was acknowledged before it is still there, the same. Acknowledged: another process had read
  it from the journal, or the killed one had printed its version;
- no batch is half there: their checksums fit, and they fold to the state;
- all three databases are whole, and the index, opened again, holds exactly the journal's items and finds each of them.

Every run must end with the result, the memory and the episodes of an uninterrupted run of its seed. Prints one JSON
object of counts; exits with 1 where anything was found. Linux and macOS.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import select
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from knowhow.environments.errors import MemoryDamaged

# A budget of tokens that the playbook soon outgrows, so that the index is asked and written all along.
SMALL = {"memory": "playbook(token_budget=200)", "episodes": 9, "rounds": 3, "validation": 3, "concurrency": 3}
BEFORE_THE_FORKS = (
    *("chromadb", "langgraph.graph", "langgraph.checkpoint.sqlite.aio", "knowhow.agents.models.novice"),
    *("knowhow.evals.learn", "knowhow.evals.progress", "knowhow.evals.report", "knowhow.evals.show"),
    *("knowhow.environments.suites.household", "knowhow.memory.banks.playbook", "knowhow.memory.embedders.hashing"),
)
REPORTS = ("before", "after", "withheld")


@dataclass
class Counts:
    """What was seen; ``faults`` are sentences."""

    kills: int = 0
    runs: int = 0
    acknowledged: int = 0
    printed: int = 0
    where: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def forked(work: Callable[[], Any]) -> Any:
    """What ``work`` returns, as JSON has it, from a process of its own: this one opens no file and starts no thread."""
    read, write = os.pipe()
    if not (pid := os.fork()):
        said: Any = {"failed": "it ended early"}
        with suppress(BaseException):
            try:
                said = work()
            except BaseException as error:
                said = {"failed": f"{type(error).__name__}: {error}"}
        os.write(write, json.dumps(said).encode())
        os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:  # noqa: PTH123 - a descriptor
        said = json.loads(pipe.read())
    os.waitpid(pid, 0)
    return said


class Sitting:
    """``knowhow evolve`` in a process of its own; ``lines`` are what it has printed so far."""

    def __init__(self, words: list[str]) -> None:
        self._read, write = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.dup2(write, 1)
            os.dup2(write, 2)
            _evolve(words)
        os.close(write)
        self._said = b""

    def wait(self, seconds: float) -> bool:
        """Read on for so long; True where it has ended by then."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self._read], [], [], left)[0]:
                said = os.read(self._read, 1 << 16)
                if not said:
                    return True
                self._said += said
        return False

    def end(self, kill: bool) -> int:
        if kill:
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        with suppress(BlockingIOError):
            os.set_blocking(self._read, False)
            self._said += os.read(self._read, 1 << 16)
        os.close(self._read)
        return os.waitstatus_to_exitcode(status)

    @property
    def lines(self) -> list[str]:
        return self._said.decode(errors="replace").splitlines()


def _anew(seed: int, folder: Path) -> list[str]:
    given = {**SMALL, "seed": seed, "out": folder}
    return [word for name, value in given.items() for word in (f"--{name}", str(value))]


def _evolve(words: list[str]) -> None:
    from knowhow.evals.cli import main

    os.environ["COLUMNS"] = "200"  # a line is a line
    sys.argv = ["knowhow", "evolve", *words]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


def batches(folder: Path) -> dict[str, str]:
    """The versions in the journal with a digest of each; none before there is a journal."""
    from knowhow.memory.codec import encode
    from knowhow.memory.journal import Journal

    try:
        with Journal.open(folder / "journal.db") as journal:
            log = journal.log()
    except MemoryDamaged:
        return {}
    return {str(batch.version): sha256(json.dumps(encode(batch)).encode()).hexdigest()[:12] for batch in log}


def look(folder: Path) -> dict[str, Any]:
    """What is left of a run: its batches, and what is wrong with it."""
    from knowhow.memory.store import Memory

    wrong = []
    for name in ("journal.db", "episodes.db", "checkpoints.db"):
        with closing(sqlite3.connect(folder / name)) as database:
            verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
        wrong += [f"{name}: {verdict}"] * (verdict != "ok")
    with Memory.open(folder) as memory:
        items = memory.journal.items()
        if items != memory.journal.items(memory.version):
            wrong.append("the state is not the fold of the log")
        for item in items.values():
            found = memory.search(item.text, k=1)
            if not found or found[0][0].text != item.text:
                wrong.append(f"the index does not find {item.id}")
        if items and memory.index.ids() != set(items):
            wrong.append("the index does not hold the items of the journal")
    return {"batches": batches(folder), "wrong": wrong}


def left_behind(folder: Path) -> dict[str, Any]:
    """All that a finished run keeps, without clocks and without its own name."""
    from knowhow.memory.codec import encode
    from knowhow.memory.episodes import Episodes
    from knowhow.memory.journal import Journal

    result = json.loads((folder / "result.json").read_text())
    reports = [{name: value for name, value in result[report].items() if name != "seconds"} for report in REPORTS]
    with Journal.open(folder / "journal.db") as journal:
        log = [[batch.version, batch.note, [encode(edit) for edit in batch.edits]] for batch in journal.log()]
        items = [encode(item) for item in journal.items().values()]
    with Episodes.open(folder) as episodes:
        rows = [{**encode(row), "seconds": 0} for row in episodes.summaries()]
    return {"rounds": result["rounds"], "reports": reports, "log": log, "items": items, "episodes": rows}


class Bench:
    """Runs in ``root``; each seed's uninterrupted run is made once."""

    def __init__(self, root: Path, random: Random) -> None:
        self.root, self.random, self.counts = root, random, Counts()
        self._whole: dict[int, tuple[dict[str, Any], float]] = {}

    def whole(self, seed: int) -> tuple[dict[str, Any], float]:
        """What the uninterrupted run of a seed keeps, and how long it takes (s)."""
        if seed not in self._whole:
            folder, began = self.root / f"whole-{seed}", time.monotonic()
            sitting = Sitting(_anew(seed, folder))
            ended = sitting.wait(600)
            code = sitting.end(kill=not ended)
            if code:
                raise SystemExit("\n".join([*sitting.lines, f"the uninterrupted run ended with {code}"]))
            self._whole[seed] = forked(lambda: left_behind(folder)), time.monotonic() - began
        return self._whole[seed]

    def run(self, number: int, seed: int, kills: int) -> None:
        """One run to its end, killed at most ``kills`` times."""
        folder = self.root / f"run-{number}"
        wanted, seconds = self.whole(seed)
        while True:
            resume = (folder / "run.json").exists()
            sitting = Sitting(["--resume", str(folder)] if resume else _anew(seed, folder))
            spared = self.counts.kills >= kills
            if sitting.wait(600 if spared else self.random.uniform(0, 0.7 * seconds)):
                break
            self._kill(sitting, folder)
        if sitting.end(kill=False):
            self._fault(number, f"it ended with: {sitting.lines[-1:]}")
            return
        self.counts.runs += 1
        found = forked(lambda: left_behind(folder))
        for part in wanted:
            if found.get(part) != wanted[part]:
                self._fault(number, f"{part} differ from the uninterrupted run's")

    def _kill(self, sitting: Sitting, folder: Path) -> None:
        seen: dict[str, str] = forked(lambda: batches(folder))
        sitting.end(kill=True)
        self.counts.kills += 1
        self.counts.where[_phase(sitting.lines)] += 1
        if not (folder / "run.json").exists():
            return
        left = forked(lambda: look(folder))
        for fault in [left["failed"]] if "failed" in left else left["wrong"]:
            self._fault(self.counts.kills, fault)
        kept = left.get("batches", {})
        printed = [version for line in sitting.lines for version in re.findall(r"memory version (\d+)", line)]
        self.counts.acknowledged += len(seen)
        self.counts.printed += len(printed)
        for version in {*printed} - {"0"} - kept.keys():
            self._fault(self.counts.kills, f"version {version} was printed and is gone")
        for version, digest in seen.items():
            if kept.get(version) != digest:
                self._fault(self.counts.kills, f"version {version} was read and is gone or changed")

    def _fault(self, number: int, sentence: str) -> None:
        self.counts.faults.append(f"{number}: {sentence}")
        print(f"FAULT {number}: {sentence}", file=sys.stderr, flush=True)


def _phase(lines: list[str]) -> str:
    """Where a run was, by what it printed last: "train", "validation", ..., or "start"."""
    phases = [line.split()[0].rstrip(":") for line in lines if line.strip()]
    return phases[-1] if phases else "start"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3, help="how many different runs there are")
    parser.add_argument("--minutes", type=float, default=30, help="begin no further run after so long")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    for module in BEFORE_THE_FORKS:
        importlib.import_module(module)
    began = time.monotonic()
    with TemporaryDirectory() as root:
        bench = Bench(Path(root), Random(options.seed))
        number = 0
        while bench.counts.kills < options.kills and time.monotonic() - began < 60 * options.minutes:
            bench.run(number, number % options.seeds, options.kills)
            number += 1
    told = {**vars(bench.counts), "where": dict(bench.counts.where), "seconds": round(time.monotonic() - began)}
    print(json.dumps(told))
    raise SystemExit(1 if bench.counts.faults else 0)


if __name__ == "__main__":
    main()
