"""Kills trainings at random moments and sees what is left: no adapter may be named that is not whole.

    knowhow run --suite household --split train --model hf:runs/pocket --episodes 60 --out runs/played
    python -m knowhow.evals.benches.train_kill9 --run runs/played --base runs/pocket --kills 20

A training on the run's episodes, a checkpoint every other step, goes on in a process that is killed (SIGKILL) after a
random while and started again, again and again until it is done; then the next one begins. After every kill the
journal is whole, and what it names can be loaded. Every training must end with one adapter, whose weights are those of
an uninterrupted training, bit for bit. Prints one JSON object of counts; exits with 1 where anything was found.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from knowhow.agents.local.weights import weights_hash
from knowhow.evals.training import episodes_of
from knowhow.memory.journal import Journal
from knowhow.training.registry import Registry
from knowhow.training.settings import Tuning
from knowhow.training.train import plan, train


@dataclass
class Counts:
    """What was seen: ``kills`` at how many of them there were ``checkpoints`` already; ``faults`` are sentences."""

    kills: int = 0
    with_checkpoints: int = 0
    trainings: int = 0
    same_weights: int = 0
    faults: list[str] = field(default_factory=list)


def work(run: Path, base: Path, recipe: str, steps: int) -> None:
    """The training, from where it was interrupted."""
    made = plan(episodes_of(run), recipe, base, Tuning(steps=steps, batch=2, save_every=2))
    with Journal.open(run / "journal.db", create=True) as journal:
        train(made, Registry(journal), run)


class Bench:
    """Trainings of copies of one run, in ``root``."""

    def __init__(self, options: argparse.Namespace, root: Path) -> None:
        self.options, self.root, self.counts = options, root, Counts()
        self.random = Random(options.seed)
        began = time.monotonic()
        whole = self._copy("whole")
        if self._start(whole).wait():
            raise SystemExit("the uninterrupted training failed")
        self.seconds = time.monotonic() - began
        self.wanted = self._hash(whole)

    def all(self) -> Counts:
        while self.counts.kills < self.options.kills:
            self._training(self._copy(f"run-{self.counts.trainings}"))
        return self.counts

    def _training(self, run: Path) -> None:
        while self.counts.kills < self.options.kills:
            process = self._start(run)
            try:
                code = process.wait(self.random.uniform(0.1, 0.8) * self.seconds)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                self._look(run)
        else:
            code = self._start(run).wait()
        self.counts.trainings += 1
        if code:
            self.counts.faults.append(f"training {self.counts.trainings} ended with {code}")
            return
        same = self._hash(run) == self.wanted
        self.counts.same_weights += same
        if not same:
            self.counts.faults.append(f"training {self.counts.trainings} has other weights than the uninterrupted one")

    def _look(self, run: Path) -> None:
        """After a kill: all that the journal names is there whole."""
        self.counts.kills += 1
        self.counts.with_checkpoints += any(run.glob("adapters/*/checkpoint-*"))
        if not (run / "journal.db").exists():
            return
        with closing(sqlite3.connect(run / "journal.db")) as database:
            verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
        self.counts.faults += [f"kill {self.counts.kills}: the journal: {verdict}"] * (verdict != "ok")
        with Journal.open(run / "journal.db") as journal:
            adapters = Registry(journal).adapters()
        for adapter in adapters:
            if not _loads(run / adapter.path):
                self.counts.faults.append(f"kill {self.counts.kills}: {adapter.id} is named and is not whole")

    def _hash(self, run: Path) -> str:
        with Journal.open(run / "journal.db") as journal:
            adapters = Registry(journal).adapters()
        if len(adapters) != 1:
            self.counts.faults.append(f"{run.name} has {len(adapters)} adapters")
        return weights_hash(run / adapters[0].path) if adapters else ""

    def _copy(self, name: str) -> Path:
        return Path(shutil.copytree(self.options.run, self.root / name, ignore=shutil.ignore_patterns("adapters")))

    def _start(self, run: Path) -> subprocess.Popen[bytes]:
        options = self.options
        words = [sys.executable, "-m", "knowhow.evals.benches.train_kill9", "--work", "--run", str(run)]
        more = ["--base", str(options.base), "--recipe", options.recipe, "--steps", str(options.steps)]
        return subprocess.Popen([*words, *more])


def _loads(adapter: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        json.loads((adapter / "adapter_config.json").read_text())
        with safe_open(adapter / "adapter_model.safetensors", "pt") as weights:
            return all(weights.get_tensor(name).isfinite().all() for name in weights.keys())  # noqa: SIM118
    except (OSError, ValueError, SafetensorError):
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--run", type=Path, required=True, help="a run folder with training episodes of a local model")
    parser.add_argument("--base", type=Path, default=Path("runs/pocket"))
    parser.add_argument("--recipe", default="sft")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.run, options.base, options.recipe, options.steps)
        return
    began = time.monotonic()
    with TemporaryDirectory() as root:
        counts = Bench(options, Path(root)).all()
    print(json.dumps({**vars(counts), "seconds": round(time.monotonic() - began)}))
    raise SystemExit(1 if counts.faults else 0)


if __name__ == "__main__":
    main()
