"""Several writers at one memory at the same time: processes that each open it, then threads that share it.

    python -m knowhow.evals.benches.beside.writing MODULE WRITERS WRITES

A module of this folder offers ``store(folder, shared)``: what writes one text, and what counts those that are kept;
``shared`` says whether one process has it to itself. ``PROCESSES`` says why several processes cannot, where that is so.
All begin together; opening is not timed. What is not there in the end is lost: for processes, to who opens the memory
anew, for threads, to the one that they shared. Where a write raises an error, nothing is lost, and that is the result.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

Store = tuple[Callable[[str], Any], Callable[[], int]]


def by_processes(open_store: Callable[[Path, bool], Store], folder: Path, writers: int, writes: int) -> dict[str, Any]:
    context = multiprocessing.get_context("fork")
    first = context.Process(target=open_store, args=(folder, False))  # so that it is there before they start
    first.start()
    first.join()
    together, told = context.Barrier(writers + 1), context.SimpleQueue()

    def work(number: int) -> None:
        try:
            write, _ = open_store(folder, False)
            together.wait(60)
            _write(write, number, writes)
            told.put("")
        except Exception as error:
            together.abort()
            told.put(f"{type(error).__name__}: {error}")

    made = [context.Process(target=work, args=(number,)) for number in range(writers)]
    for process in made:
        process.start()
    seconds = _timed(together, made)
    failures = [said for said in (told.get() for _ in made) if said]
    if failures:
        return {"failed": max(failures, key=len)[:300]}
    return _told(writers * writes, seconds, open_store(folder, False)[1]())


def by_threads(open_store: Callable[[Path, bool], Store], folder: Path, writers: int, writes: int) -> dict[str, Any]:
    write, kept = open_store(folder, True)
    together, failures = threading.Barrier(writers + 1), []

    def work(number: int) -> None:
        together.wait(60)
        try:
            _write(write, number, writes)
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error}")

    made = [threading.Thread(target=work, args=(number,)) for number in range(writers)]
    for thread in made:
        thread.start()
    seconds = _timed(together, made)
    return {"failed": failures[0][:300]} if failures else _told(writers * writes, seconds, kept())


def _write(write: Callable[[str], Any], number: int, writes: int) -> None:
    for turn in range(writes):
        write(f"Lesson {turn} of writer {number}: look before you take.")


def _timed(together: Any, made: Any) -> float:
    with suppress(threading.BrokenBarrierError):  # one of them tells why
        together.wait(60)
    began = perf_counter()
    for one in made:
        one.join()
    return perf_counter() - began


def _told(writes: int, seconds: float, kept: int) -> dict[str, Any]:
    return {"writes_per_s": round(writes / seconds, 1), "lost": writes - kept, "writes": writes}


def main() -> None:
    name, writers, writes = sys.argv[1:]
    module = import_module(f"{__package__}.{name}")
    impossible = getattr(module, "PROCESSES", "")
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        threads = by_threads(module.store, Path(one), int(writers), int(writes))
        asked = (module.store, Path(other), int(writers), int(writes))
        processes = {"failed": impossible} if impossible else by_processes(*asked)
    print(json.dumps({"processes": processes, "threads": threads}))


if __name__ == "__main__":
    main()
