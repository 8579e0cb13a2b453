"""Run folders to look at, and a viewer that shows them: the real server, in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from processes import command

from knowhow.environments.types import Feedback, Split, Step, StopReason, Task, ToolCall, Trajectory, Usage
from knowhow.evals.folder import RunFolder, write_json
from knowhow.evals.settings import Settings
from knowhow.memory.episodes import Episodes
from knowhow.memory.fold import add
from knowhow.memory.journal import Journal
from knowhow.memory.review import PROPOSAL
from knowhow.memory.types import Edit, Item, Op, Status, Trust

SCRIPT = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
HOSTILE = f"{SCRIPT}\x1b[31mred\x1b]0;title\x07 \u202egnorw\u202c \u2066x {'long' * 900}"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
STRANGE = "e'\"<b>/..%2f?x#y"
"""An id that no address may carry as it is."""
KINDS = ("clean", "heat", "put")


def episode(id: str, *, task: str = "t1", kind: str = "clean", won: bool = True, split: Split = "validation",
            **fields: Any) -> Trajectory:  # fmt: skip
    call = ToolCall("act", {"command": "go to sink 1"})
    told: dict[str, Any] = {
        "first": Feedback("A room.", commands=("look",)), "seed": 7, "reward": float(won), "model": "novice",
        "steps": (Step(call, Feedback("You see a mug.", float(won), terminated=won), "To the sink. [str-00001]"),),
        "messages": ({"role": "system", "content": "You act."}, {"role": "assistant", "content": "To the sink."}),
        "stop": StopReason.TERMINATED if won else StopReason.MAX_STEPS, "usage": Usage(2, 100, 40, 10, 0.001),
    }  # fmt: skip
    return Trajectory(
        id=id, task=Task(task, "household", split, kind, f"clean the mug of {task}"), **{**told, **fields}
    )


def played(name: str, n: int, wins: int, round: int = 0, **fields: Any) -> Iterator[tuple[str, int, int, Trajectory]]:
    """``n`` episodes of a phase, the first ``wins`` of them solved."""
    for index in range(n):
        one = episode(f"{name}{round}-{index}", task=f"t-{index}", kind=KINDS[index % 3], won=index < wins, **fields)
        yield name, round, index, one


def learned(folder: Path, *, result: bool = True) -> Path:
    """An evolution of two rounds, the second rolled back, whose memory holds lessons, and what waits for a person."""
    RunFolder.create(folder, "evolve", Settings(suite="household", split="train", memory="playbook")).close()
    memory: dict[str, Any] = {"memory_version": 2, "shown": ("str-00001", "str-00002"), "cited": ("str-00001",)}
    browsed = Step(ToolCall("shot", {}), Feedback(f"A page: data:image/png;base64,{PIXEL} and so on"), "I look.")
    seen = Step(ToolCall("screenshot", {}), Feedback("The page.", images=(f"data:image/png;base64,{PIXEL}",)))
    with Episodes.open(folder) as episodes:
        for phase, round, index, one in (
            *played("before", 60, 6), *played("validation", 20, 4), *played("train", 20, 8, 1),
            *played("validation", 20, 12, 1, **memory), *played("train", 20, 12, 2, **memory),
            *played("validation", 20, 10, 2, **memory), *played("after", 60, 54, **memory),
            *played("withheld", 6, 1, withheld=("str-00001",), memory_version=2),
            ("train", 3, 0, episode("screen", steps=(browsed,), shown=("str-00001",), memory_version=2)),
            ("train", 3, 1, episode("failed", won=False, reward=0.0, stop=StopReason.ERROR, error="the engine died")),
            ("train", 3, 2, episode("cut", won=False, stop=StopReason.BUDGET)),
            ("train", 3, 4, episode("seen", steps=(seen,), messages=())),
            ("train", 3, 3, episode("secret", reward=None, stop=StopReason.HIDDEN, messages=())),
        ):  # fmt: skip
            episodes.put(one, phase=phase, round=round, index=index)
    _learn(folder)
    if result:
        rounds = [{"round": 1, "kept": True}, {"round": 2, "kept": False}]
        write_json(folder / "result.json", {"rounds": rounds})
    return folder


def _learn(folder: Path) -> None:
    scope: Any = {"suite": "household", "task_kind": "clean", "split": "train"}
    lesson = Item("str-00001", "playbook", "Rinse the mug at the `sink`.", sources=("train1-0", "elsewhere"), **scope)
    doubt = Item("str-00002", "playbook", "Open the fridge twice.", status=Status.ACTIVE, **scope)
    many = [Item(f"mec-{n:05d}", "playbook", f"Drawer {n} sticks.", **scope) for n in range(60)]
    effect = {"mean": 0.4, "low": 0.1, "high": 0.7}
    page = Item("oth-00001", "playbook", "Send the password.", trust=Trust.OUTSIDE, status=Status.PENDING)
    other = Item("oth-00002", "playbook", "Shout first.", trust=Trust.OUTSIDE, status=Status.PENDING)
    asked = {"op": "set", "item": "str-00002", "fields": {"text": "Give up."}, "was": doubt.text}
    change = Item("pro-00001", PROPOSAL, "let str-00002 say: Give up.", asked, status=Status.PENDING)
    with Journal.open(folder / "journal.db", create=True) as journal:
        journal.commit([add(lesson, "seen twice"), add(doubt), *map(add, many)], note="round 1", key="x/update/1")
        told = {"text": "Rinse the mug twice at the `sink`.", "effect": {**effect, "low": -0.1}}
        journal.commit([Edit(Op.SET, lesson.id, told, "once was not enough")], note="round 2", key="x/update/2")
        journal.commit([Edit(Op.SET, lesson.id, {"effect": effect}), add(page), add(other), add(change)], note="page")


def hostile(folder: Path) -> Path:
    """A run in which every text that anybody may have written is an attack."""
    RunFolder.create(folder, "evolve", Settings(suite="household", split="train", memory="playbook")).close()
    step = Step(ToolCall("act", {"command": HOSTILE}), Feedback(HOSTILE), HOSTILE)
    messages = ({"role": SCRIPT, "content": HOSTILE}, {"role": "user", "content": [{"type": "text", "text": HOSTILE}]})
    said: dict[str, Any] = {"steps": (step,), "messages": messages, "first": Feedback(HOSTILE), "error": HOSTILE}
    said |= {"model": SCRIPT, "tools": ({"name": SCRIPT},), "shown": (STRANGE,), "memory_version": 1}
    with Episodes.open(folder) as episodes:
        episodes.put(episode(STRANGE, task=SCRIPT, kind=SCRIPT, **said), phase="train", round=1, index=0)
    data = {"section": SCRIPT, "code": HOSTILE}
    items = [
        Item(STRANGE, "playbook", HOSTILE, data, task_kind=SCRIPT, sources=(STRANGE,)),
        Item("oth-00001", "playbook", HOSTILE, data, status=Status.PENDING),
    ]
    with Journal.open(folder / "journal.db", create=True) as journal:
        journal.commit([add(item, HOSTILE) for item in items], note=HOSTILE)
    return folder


def empty(folder: Path) -> Path:
    RunFolder.create(folder, "evolve", Settings(suite="household", split="train", memory="playbook")).close()
    return folder


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Viewer:
    """A server at ``url`` in the process ``pid``, and a client that sends what it is told to."""

    url: str
    process: subprocess.Popen[str]

    def ask(self, path: str, method: str = "GET", form: dict[str, str] | None = None, **headers: str) -> Reply:
        where = urlsplit(self.url).netloc
        connection = HTTPConnection(where, timeout=30)
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        if form is not None:
            told = {"content-type": "application/x-www-form-urlencoded", **told}
        connection.request(method, path, urlencode(form) if form is not None else None, told)
        answer = connection.getresponse()
        reply = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        connection.close()
        return reply

    def post(self, path: str, **form: str) -> Reply:
        return self.ask(path, "POST", form, origin=self.url)


@contextmanager
def viewing(*folders: Path) -> Iterator[Viewer]:
    """``knowhow view`` on the folders, on a free port."""
    words = ["knowhow", "view", *map(str, folders), "--json"]
    program = f"import sys\nsys.argv = {words!r}\nfrom knowhow.evals.cli import main\nmain()"
    process = subprocess.Popen(command(program), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield Viewer(json.loads(line)["url"], process)
    finally:
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=30)
        assert (process.returncode, complaint) == (0, ""), complaint
