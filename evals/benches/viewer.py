"""How long the viewer takes to show a large run.

    python -m knowhow.evals.benches.viewer

Makes a run folder with so many episodes and items, starts ``knowhow view`` on it, and asks for its pages. Prints one
JSON object with medians in milliseconds: ``first`` is the first request to a fresh server, which opens the files;
``again`` are later ones. ``browser`` is a page in a real Chromium until it is loaded and drawn, with a fresh server; it
is null without the extra [web].
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from urllib.request import urlopen

from knowhow.environments.browser.executable import executable
from knowhow.environments.types import Feedback, Step, Task, ToolCall, Trajectory, Usage
from knowhow.evals.folder import RunFolder
from knowhow.evals.settings import Settings
from knowhow.memory.codec import encode
from knowhow.memory.episodes import EPISODES, Summary
from knowhow.memory.fold import add
from knowhow.memory.journal import Journal
from knowhow.memory.storage.database import Database
from knowhow.memory.types import Edit, Item, Op, Status

KINDS = ("clean", "cool", "heat", "light", "put", "put two")
ROUNDS = 10
STEPS = 20
PAGES = {
    "runs": "/",
    "overview": "/runs/large",
    "episodes": "/runs/large/episodes",
    "episodes_searched": "/runs/large/episodes?text=cites:str-00007&outcome=solved",
    "last_page": "/runs/large/episodes?page=100000",
    "episode": "/runs/large/episodes/e-00042",
    "memory": "/runs/large/memory",
    "memory_searched": "/runs/large/memory?text=drawer&sort=effect",
    "item": "/runs/large/memory/items/str-00007",
    "history": "/runs/large/memory/history",
    "diff": "/runs/large/memory/diff?a=3&b=12",
    "review": "/runs/large/review",
}


def make(folder: Path, episodes: int, items: int) -> None:
    """A run without a result, so that its pages have to count the episodes."""
    RunFolder.create(folder, "evolve", Settings(suite="household", split="train", memory="playbook")).close()
    rows = [_row(number, episodes) for number in range(episodes)]
    with Database.open(folder / "episodes.db", EPISODES).writing() as database:
        database.executemany("INSERT INTO episodes VALUES (?, ?, ?, ?, ?, ?)", rows)
    with Journal.open(folder / "journal.db", create=True) as journal:
        for round in range(ROUNDS):
            new = range(round * items // ROUNDS, (round + 1) * items // ROUNDS)
            journal.commit([add(_item(number)) for number in new], note=f"round {round + 1}")
            journal.commit([_counted(number) for number in new], note="counted")


def _row(number: int, of: int) -> tuple[Any, ...]:
    """Half in training, half in validation; success grows."""
    place, training = divmod(number, 2)
    round = 1 + place * ROUNDS // (of // 2 + 1)
    phase, won = "train" if training else "validation", (number * 7919) % (ROUNDS + 1) < round
    task = Task(f"{phase}-{place}", "household", "train", KINDS[number % 6], f"put mug {number} into the drawer")
    cited = (f"str-{number % 50:05d}",)
    one = replace(_EPISODE, id=f"e-{number:05d}", task=task, reward=float(won), memory_version=2 * round, cited=cited)
    summary = Summary.of(one, phase=phase, round=round, index=place)
    texts = [json.dumps(encode(told), separators=(",", ":")) for told in (summary, one)]
    return phase, round, place, one.id, texts[0], zlib.compress(texts[1].encode(), 1)


def _item(number: int) -> Item:
    status = (Status.CANDIDATE, Status.ACTIVE, Status.RETIRED, Status.PENDING)[number % 4 if number % 40 > 3 else 3]
    text = f"When the mug number {number} is sought, open `drawer {number % 97}` before you walk on."
    origin: Any = {
        "suite": "household",
        "task_kind": KINDS[number % 6],
        "split": "train",
        "sources": (f"e-{number:05d}",),
    }
    return Item(f"str-{number:05d}", "playbook", text, {"section": "strategies"}, status=status, **origin)


def _counted(number: int) -> Edit:
    mean = (number % 101 - 50) / 100
    effect = {"mean": mean, "low": mean - 0.2, "high": mean + 0.2}
    return Edit(Op.SET, f"str-{number:05d}", {"uses": number % 31, "helpful": number % 7, "effect": effect})


_TURN = Step(ToolCall("act", {"command": "go to drawer 1"}), Feedback("The drawer is closed. " * 8), "I go there.")
_EPISODE = Trajectory(
    "", Task("", "", "train", "", ""), 1, Feedback("A room with drawers."), (_TURN,) * STEPS,
    tuple({"role": role, "content": "You see a drawer. " * 12} for role in ("system", "user", "assistant") * STEPS),
    shown=tuple(f"str-{number:05d}" for number in range(20)), model="novice", usage=Usage(STEPS, 30_000, 0, 600),
)  # fmt: skip


@contextmanager
def viewing(folder: Path) -> Iterator[str]:
    """The address of a fresh server."""
    command = [sys.executable, "-m", "knowhow.evals.cli", "view", str(folder), "--json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["url"]
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)


def milliseconds(act: Callable[[], Any]) -> float:
    began = perf_counter()
    act()
    return 1000 * (perf_counter() - began)


def get(url: str) -> None:
    with urlopen(url) as answer:
        answer.read()


def measure(folder: Path, repeats: int) -> dict[str, dict[str, float]]:
    """By page, the median of the first request to fresh servers, and of later ones."""
    first: dict[str, list[float]] = {name: [] for name in PAGES}
    again: dict[str, list[float]] = {name: [] for name in PAGES}
    for name, path in PAGES.items():
        for _ in range(repeats):
            with viewing(folder) as url:
                first[name].append(milliseconds(partial(get, url + path)))
                again[name] += [milliseconds(partial(get, url + path)) for _ in range(3)]
    return {"first": _medians(first), "again": _medians(again)}


def in_browser(folder: Path, repeats: int) -> dict[str, float] | None:
    """As ``measure``'s first requests, in Chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    taken: dict[str, list[float]] = {name: [] for name in ("overview", "episodes", "memory")}
    with sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        program = executable(playwright.chromium.executable_path)
        with playwright.chromium.launch(executable_path=program, args=flags) as browser:
            for name, times in taken.items():
                for _ in range(repeats):
                    with viewing(folder) as url, browser.new_page() as page:
                        times.append(milliseconds(partial(page.goto, url + PAGES[name], wait_until="load")))
    return _medians(taken)


def _medians(taken: dict[str, list[float]]) -> dict[str, float]:
    return {name: round(median(times), 1) for name, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3, help="fresh servers a page")
    options = parser.parse_args()
    with TemporaryDirectory() as place:
        folder = Path(place) / "large"
        made = milliseconds(lambda: make(folder, options.episodes, options.items))
        figures = {**measure(folder, options.repeats), "browser": in_browser(folder, options.repeats)}
    print(json.dumps({**figures, "making_s": round(made / 1000, 1), **vars(options)}))


if __name__ == "__main__":
    main()
