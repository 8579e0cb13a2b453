"""The other process of ``test_journal.py``: it forks writers of one memory, which the test kills.

Reads commands from stdin: ``go COUNT EVERY`` forks a writer of COUNT batches that searches after every EVERY of them
(0: never) and prints ``pid PID``; ``wait`` waits for the writers to end and prints ``done``. A writer prints, for each
acknowledged batch, ``VERSION ID ID``: the ids of the items that it added.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import chromadb  # noqa: F401  (imported once, before the forks)
import conftest  # noqa: F401  (finds knowhow in a bare checkout)

from knowhow.memory.fold import add
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Op

FIRST = "les-00001"


def write(folder: str, count: int, every: int) -> None:
    memory = Memory.open(folder)
    for number in range(1, count + 1):
        new = memory.journal.new_ids("les", 2)
        lessons = [add(Item(name, "lesson", f"Lesson {name}: look twice.", split="train")) for name in new]
        version = memory.commit([*lessons, Edit(Op.COUNT, FIRST, {"uses": 1})])
        os.write(1, f"{version} {' '.join(new)}\n".encode())
        if every and number % every == 0:
            memory.search("look twice")
    memory.close()


def main(folder: str) -> None:
    writers = []
    for command, *numbers in map(str.split, sys.stdin):
        if command == "go":
            writers.append(os.fork())
            if not writers[-1]:
                write(folder, *map(int, numbers))
                os._exit(0)
            os.write(1, f"pid {writers[-1]}\n".encode())
        if command == "wait":
            while writers:
                os.waitpid(writers.pop(), 0)
            os.write(1, b"done\n")


if __name__ == "__main__":
    main(sys.argv[1])
