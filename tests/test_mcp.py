"""The suite mcp, against a real server of the official SDK, over its standard streams and over HTTP."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from processes import command, gone, runs
from served import server

from knowhow.environments.check import check_suite
from knowhow.environments.errors import BadSetting, EngineFailed, UnknownName
from knowhow.environments.mcp_tasks import Outcome
from knowhow.environments.remote import mcp_session
from knowhow.environments.suites.mcp import Mcp
from knowhow.environments.types import SPLITS, ToolCall

pytest.importorskip("mcp")

SERVER = Path(__file__).with_name("mcp_server.py")
STDIO = f"{sys.executable} {SERVER}"
DEAF = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
ROWS = [{"goal": f"shelve {n}", "kind": "shelve", "answer": n, "split": split} for n, split in enumerate(SPLITS)]


async def shelved(outcome: Outcome, answer: str) -> float:
    """A check that looks at the server's own state."""
    assert outcome.ask is not None
    there = await outcome.ask("shelf.look", {})
    return float(there == "mug" and answer == "yes" and outcome.calls[0][0] == ToolCall("put", {"thing": "mug"}))


def rows(folder: Path, *given: object) -> str:
    file = folder / "tasks.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in given or ROWS))
    return str(file)


def _is_closed(host: str, port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex((host, port)) != 0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with server([sys.executable, str(SERVER), "http"]) as (url, _):
        where = urlsplit(url)
        while _is_closed(where.hostname or "", where.port or 0):
            time.sleep(0.1)
        yield url


async def test_over_http_it_keeps_its_promises_and_errors_are_observations(url: str, tmp_path: Path) -> None:
    suite = Mcp(url=url, tasks=rows(tmp_path))
    findings = await check_suite(suite, tasks_per_split=1, seeds=(0,))
    assert [finding for finding in findings if not finding.ok] == []
    assert suite.outside and [len(suite.tasks(split)) for split in SPLITS] == [1, 1, 1]
    async with suite.open(suite.tasks("validation")[0], seed=0) as env:
        first = await env.reset()
        assert first.observation.startswith("The shelf holds three things.\n\nYour task: shelve 1")
        names = [tool["function"]["name"] for tool in env.tools]
        assert names[:2] == ["put", "shelf_look"] and names[-1] == "done"
        full = await env.step(ToolCall("put", {"thing": "mug", "times": 9}))
        assert "the shelf is full" in full.observation and not full.done
        much = await env.step(ToolCall("much", {}))
        assert much.observation.endswith("[980,000 more characters]") and len(much.observation) < 21_000
        pictures = (await env.step(ToolCall("pictures", {}))).observation.split("\n")
        assert pictures[0] == "[image, image/png, 5 bytes]" and pictures[-1] == "[resource plan: shelf://plan]"
        last = await env.step(ToolCall("done", {"answer": "1"}))
        assert (last.reward, last.terminated) == (1.0, True)


async def test_every_episode_has_a_process_of_its_own_which_a_check_can_ask(tmp_path: Path) -> None:
    source = rows(tmp_path, {"goal": "shelve a mug", "kind": "shelve", "split": "train", "check": "shelved"})
    suite = Mcp(STDIO, tasks=source, check=__file__, tools="put, pid")
    task = suite.tasks("train")[0]
    async with suite.open(task, seed=0) as env, suite.open(task, seed=0) as other:
        assert [tool["function"]["name"] for tool in env.tools] == ["put", "pid", "done"]
        await asyncio.gather(env.reset(), other.reset())
        assert (await env.step(ToolCall("put", {"thing": "mug"}))).observation == "There is now: mug."
        pids = [int(pid) for pid in (await env.step(ToolCall("pid", {}))).observation.split()]
        assert all(runs(pid) for pid in pids)
        assert (await env.step(ToolCall("done", {"answer": "yes"}))).reward == 1.0
        await other.step(ToolCall("put", {"thing": "cup"}))
        assert (await other.step(ToolCall("done", {"answer": "yes"}))).reward == 0.0
    for pid in pids:  # the server, and what it started and left behind
        await gone(pid)


async def test_a_server_that_prints_among_its_messages_is_heard_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    suite = Mcp(f"sh -c 'echo the shelf is being built; exec {STDIO}'", tasks=rows(tmp_path))
    async with suite.open(suite.tasks("train")[0], seed=0) as env:
        await env.reset()
        assert (await env.step(ToolCall("done", {"answer": "0"}))).reward == 1.0
    assert "Failed to parse" in caplog.text and "Traceback" not in caplog.text


async def test_a_server_that_dies_or_hangs_costs_the_episode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_session, "ALIVE_S", 1)
    suite = Mcp(STDIO, tasks=rows(tmp_path), seconds=10)
    for last, why in (("die", "is gone .*it said: the shelf broke"), ("hang", "did not answer within 1 s")):
        async with suite.open(suite.tasks("train")[0], seed=0) as env:
            await env.reset()
            pid = int((await env.step(ToolCall("pid", {}))).observation.split()[0])
            monkeypatch.setitem(suite._server.__dict__, "seconds", 1)
            with pytest.raises(EngineFailed, match=why):
                await env.step(ToolCall(last, {}))
            monkeypatch.setitem(suite._server.__dict__, "seconds", 10)
        await gone(pid)


async def test_a_slow_tool_is_given_up_and_the_episode_goes_on(url: str, tmp_path: Path) -> None:
    suite = Mcp(url=url, tasks=rows(tmp_path), seconds=2)
    async with suite.open(suite.tasks("train")[0], seed=0) as env:
        await env.reset()
        said = await env.step(ToolCall("slow", {"seconds": 4}))
        assert "no answer within 2 s" in said.observation and not said.done
        assert (await env.step(ToolCall("done", {"answer": "0"}))).reward == 1.0


async def test_a_server_that_is_not_ready_in_time_or_not_there_is_told(tmp_path: Path) -> None:
    deaf = Mcp(f'{sys.executable} -c "{DEAF}" {tmp_path / "pid"}', tasks=rows(tmp_path), start=2)
    away = Mcp(url="http://127.0.0.1:1/mcp", tasks=rows(tmp_path))
    for suite, why in ((deaf, "was not ready within 2 s"), (away, "cannot be used")):
        with pytest.raises(EngineFailed, match=why):
            async with suite.open(suite.tasks("train")[0], seed=0):
                pass
    await gone(int((tmp_path / "pid").read_text()))


OPENS = """
import asyncio, sys
from knowhow.environments.suites.mcp import Mcp
async def main():
    suite = Mcp(sys.argv[1], tasks=sys.argv[2])
    async with suite.open(suite.tasks("train")[0], seed=0):
        pass
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_no_server_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    words = [*command(OPENS), f'{sys.executable} -c "{DEAF}" {pid}', rows(tmp_path)]
    with subprocess.Popen(words) as process:
        while not (pid.exists() and pid.read_text()):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    asyncio.run(gone(int(pid.read_text())))


def test_what_does_not_fit_is_told_with_its_line(tmp_path: Path) -> None:
    good = {"goal": "g", "kind": "k", "answer": "a"}
    wrong = [
        ({"kind": "k", "answer": "a"}, "it has no goal; its fields are kind, answer"),
        ({**good, "goals": "x"}, "there is no field 'goals'"),
        ({**good, "split": "dev"}, "split='dev' is none of train, validation, test"),
        ({"goal": "h", "kind": "k"}, "neither an answer nor a check"),
        ({"goal": "h", "kind": "k", "check": "shelved"}, "check='shelved' is in no file"),
        (good, "the goal of line 1 once more"),
    ]
    for row, why in wrong:
        with pytest.raises(BadSetting, match=f"tasks.jsonl line 2: .*{why}"):
            Mcp(STDIO, tasks=rows(tmp_path, good, row)).tasks("train")
    with pytest.raises(BadSetting, match=r"line 1: .*defines no 'nothing'"):
        Mcp(STDIO, tasks=rows(tmp_path, {**good, "check": "nothing"}), check=__file__).tasks("train")
    for settings, why in (
        ({}, "mcp needs a server and tasks"),
        ({"command": "no-such-program", "tasks": "t"}, "there is no program 'no-such-program'"),
        ({"url": "127.0.0.1", "tasks": "t"}, "is no URL of a server"),
        ({"command": STDIO, "tasks": "t", "seconds": 0}, "seconds=0 must be a number"),
    ):
        with pytest.raises(BadSetting, match=why):
            Mcp(**settings)


async def test_a_judge_grades_what_has_no_answer(url: str, tmp_path: Path) -> None:
    source = rows(tmp_path, {"goal": "say something long", "kind": "say", "split": "train"})
    suite = Mcp(url=url, tasks=source, grading=f"{__file__}:Longer")
    async with suite.open(suite.tasks("train")[0], seed=0) as env:
        await env.reset()
        await env.step(ToolCall("much", {}))
        assert (await env.step(ToolCall("done", {"answer": "much"}))).reward == 0.5
    with pytest.raises(UnknownName, match="no tool of the server 'pot'; did you mean put"):
        async with Mcp(url=url, tasks=source, grading=f"{__file__}:Longer", tools="pot").open(
            suite.tasks("train")[0], seed=0
        ):
            pass


class Longer:
    def __call__(self, outcome: Outcome, answer: str) -> float:
        return 0.5 * len(outcome.calls) * (answer == "much")
