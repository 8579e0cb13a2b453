"""Many processes write to one memory at the same time, and some are killed: nothing may be lost, doubled or unseen.

    python -m knowhow.evals.benches.many_processes

Each of ``--processes`` makes ``--edits`` edits, two to a batch: it adds an item and counts a use of the one item that
all share. Every tenth batch is made against an expected version and tried again where another was faster. At random
moments one is killed (SIGKILL) and another takes up its work at the last batch that was acknowledged. ``--readers``
further processes are told of every acknowledged batch, and must then see it: its version, its item, and (now and
then) the item as the nearest to its own text.

In the end the log must hold every batch exactly once, under the version that was acknowledged, and fold to the state.
Prints one JSON object of counts; exits with 1 where there was a fault. Linux and macOS.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from knowhow.environments.errors import Conflict
from knowhow.memory.fold import add
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Op

SHARED = "shared"
COMPARED_EVERY = 10
SEARCHED_EVERY = 20


@dataclass
class Counts:
    """What was seen; ``faults`` are sentences."""

    batches: int = 0
    kills: int = 0
    again: int = 0
    """Batches that were made a second time after a kill, and had been written the first time."""
    faults: list[str] = field(default_factory=list)


def name_of(process: int, number: int) -> str:
    return f"les{process}-{number:06d}"


def text_of(name: str) -> str:
    return f"Lesson {name}: look twice."


def write(folder: Path, process: int, batches: range, told: int) -> None:
    """Make these batches; each is told to the file descriptor once it is acknowledged."""
    with Memory.open(folder) as memory:
        for number in batches:
            name = name_of(process, number)
            edits = [add(Item(name, "lesson", text_of(name), split="train")), Edit(Op.COUNT, SHARED, {"uses": 1})]
            version = _commit(memory, edits, name, compared=number % COMPARED_EVERY == 0)
            os.write(told, f"{version} {process} {number}\n".encode())


def _commit(memory: Memory, edits: list[Edit], key: str, compared: bool) -> int:
    while True:
        try:
            return memory.commit(edits, expected=memory.version if compared else None, key=key)
        except Conflict:
            continue


def read(folder: Path, heard: int, told: int) -> None:
    """See every batch that is told, at once; what is not seen is told in the end."""
    missed = []
    with Memory.open(folder) as memory:
        for turn, lines in enumerate(lines_of(heard)):
            version, items = memory.journal.state()
            names = {name_of(process, number): acknowledged for acknowledged, process, number in lines}
            missed += [name for name, at in names.items() if at > version or name not in items]
            if turn % SEARCHED_EVERY == 0:
                name = max(names)
                found = memory.search(text_of(name), 1)
                missed += [f"{name} by search"] * (not found or found[0][0].id != name)
    os.write(told, json.dumps(missed[:20]).encode())


def lines_of(descriptor: int) -> Iterator[list[tuple[int, int, int]]]:
    """What is told, as much as there is at a time."""
    rest = b""
    while part := os.read(descriptor, 1 << 16):
        *whole, rest = (rest + part).split(b"\n")
        if whole:
            yield [_numbers(line) for line in whole]


def _numbers(line: bytes) -> tuple[int, int, int]:
    version, process, number = map(int, line.split())
    return version, process, number


def forked(work: Callable[[], None], *unused: int) -> int:
    """The id of a process that does ``work``, without the file descriptors that are not its business."""
    if not (pid := os.fork()):
        code = 1
        try:
            for descriptor in unused:
                os.close(descriptor)
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


class Bench:
    """One memory in ``folder`` and the processes that have it open; this one has it not."""

    def __init__(self, folder: Path, processes: int, batches: int, kills: int, readers: int, random: Random) -> None:
        self.folder, self.batches, self.random, self.counts = folder, batches, random, Counts()
        total = processes * batches
        self.moments = sorted(random.sample(range(total * 9 // 10), kills))
        self.acknowledged: list[dict[int, int]] = [{} for _ in range(processes)]
        self.heard, self.told = os.pipe()
        self.readers: list[tuple[int, int, int]] = []
        for _ in range(readers):
            self.readers.append(self._reader())
        self.writers = [self._writer(process) for process in range(processes)]

    def run(self) -> Counts:
        done, total = 0, self.batches * len(self.writers)
        while done < total:
            lines = self._hear()
            for version, process, number in lines:
                done += self._acknowledge(version, process, number)
            for pipe, *_ in self.readers:
                os.write(pipe, b"".join(b"%d %d %d\n" % line for line in lines))
            while self.moments and done > self.moments[0]:
                self.moments.pop(0)
                self._kill(self.random.randrange(len(self.writers)))
        for pid in self.writers:
            self._end(pid, "a writer")
        for pipe, answer, pid in self.readers:
            os.close(pipe)
            self._end(pid, "a reader")
            missed = json.loads(os.read(answer, 1 << 16) or "[]")
            self.counts.faults += [f"a reader did not see {name}" for name in missed]
        return self.counts

    def _hear(self) -> list[tuple[int, int, int]]:
        if not select.select([self.heard], [], [], 120)[0]:
            raise SystemExit("nothing was acknowledged for two minutes")
        said = os.read(self.heard, 1 << 16)
        while not said.endswith(b"\n"):
            said += os.read(self.heard, 1 << 16)
        return [_numbers(line) for line in said.splitlines()]

    def _acknowledge(self, version: int, process: int, number: int) -> bool:
        known = self.acknowledged[process]
        if number in known:
            self.counts.again += 1
            if known[number] != version:
                self.counts.faults.append(f"{name_of(process, number)} is version {known[number]} and {version}")
            return False
        known[number] = version
        self.counts.batches += 1
        return True

    def _kill(self, process: int) -> None:
        time.sleep(self.random.uniform(0, 0.02))
        os.kill(self.writers[process], signal.SIGKILL)
        os.waitpid(self.writers[process], 0)
        self.counts.kills += 1
        self.writers[process] = self._writer(process)

    def _writer(self, process: int) -> int:
        left = range(len(self.acknowledged[process]), self.batches)
        return forked(lambda: write(self.folder, process, left, self.told), self.heard, *(p for p, *_ in self.readers))

    def _reader(self) -> tuple[int, int, int]:
        heard, pipe = os.pipe()
        answer, told = os.pipe()
        pid = forked(lambda: read(self.folder, heard, told), pipe, answer, *(p for p, *_ in self.readers))
        os.close(heard)
        os.close(told)
        return pipe, answer, pid

    def _end(self, pid: int, who: str) -> None:
        _, status = os.waitpid(pid, 0)
        if code := os.waitstatus_to_exitcode(status):
            self.counts.faults.append(f"{who} ended with {code}")


def look(folder: Path, acknowledged: list[dict[int, int]]) -> list[str]:
    """What is wrong with the memory, given the version of each batch of each process."""
    wanted = {
        version: name_of(process, number)
        for process, told in enumerate(acknowledged)
        for number, version in told.items()
    }
    with Memory.open(folder) as memory:
        log = {batch.version: batch.edits[0].item for batch in memory.journal.log(after=1)}
        state, again = memory.journal.items(), memory.journal.items(memory.version)
    wrong = [f"version {version} should hold {name}" for version, name in wanted.items() if log.get(version) != name]
    wrong += [f"version {version} was never acknowledged" for version in log.keys() - wanted.keys()]
    wrong += ["an item is there twice or not at all"] * (sorted(log.values()) != sorted(state.keys() - {SHARED}))
    wrong += [f"{state[SHARED].uses} uses were counted in {len(log)} batches"] * (state[SHARED].uses != len(log))
    return wrong + ["the state is not the fold of the log"] * (state != again)


def measure(folder: Path, processes: int, edits: int, kills: int, readers: int, seed: int) -> dict[str, Any]:
    """The counts of one bench in ``folder``, which must be empty."""
    with Memory.open(folder, create=True) as memory:
        memory.commit([add(Item(SHARED, "shared", "How often something was learned.", split="train"))])
    bench = Bench(folder, processes, edits // 2, kills, readers, Random(seed))
    began = time.monotonic()
    counts = bench.run()
    seconds = time.monotonic() - began
    counts.faults += look(folder, bench.acknowledged)
    return {**vars(counts), "seconds": round(seconds, 1), "edits_per_second": round(2 * counts.batches / seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--edits", type=int, default=2_000, help="of each process, two to a batch")
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--readers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        told = measure(Path(folder) / "memory", **vars(options))
    print(json.dumps({**vars(options), **told}))
    raise SystemExit(1 if told["faults"] else 0)


if __name__ == "__main__":
    main()
