"""A suite in another process: what serves it, and who plays it there."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from doors import Doors
from processes import command, gone
from program import knowhow
from served import MAIN, python, served, server

from knowhow.environments.check import check_suite
from knowhow.environments.errors import BadSetting, EngineFailed
from knowhow.environments.suites.household import Household
from knowhow.environments.suites.remote import Remote
from knowhow.environments.types import SPLITS, ToolCall

DOORS = f"{Path(__file__).with_name('doors.py')}:Doors"
WAIT = ToolCall("act", {"command": "wait"})


@pytest.fixture(scope="module")
def household() -> Iterator[str]:
    with served("household", "--oracle") as (url, _):
        yield url


@pytest.fixture(scope="module")
def doors() -> Iterator[str]:
    with served(DOORS, "--sessions", "2") as (url, _):
        yield url


async def test_a_served_suite_keeps_every_promise_its_oracle_too(household: str) -> None:
    findings = await check_suite(Remote(household), tasks_per_split=1, seeds=(0,))
    assert [finding for finding in findings if not finding.ok] == []
    assert [finding.detail for finding in findings if finding.check == "the oracle wins"] == [""]


async def test_it_is_the_same_suite_as_at_home(household: str) -> None:
    here, there = Household(), Remote(household)
    assert (there.name, there.description, there.licence) == (here.name, here.description, here.licence)
    assert (there.max_steps, there.reward_visible, there.outside) == (50, here.reward_visible, here.outside)
    for split in SPLITS:
        assert len(there.tasks(split)) == len(here.tasks(split))
        assert there.tasks(split)[700] == here.tasks(split)[700]
        assert list(there.tasks(split)[498:502]) == list(here.tasks(split)[498:502])
    task = here.tasks("test")[7]
    assert there.oracle(task, seed=3) == list(here.oracle(task, seed=3) or ())
    async with here.open(task, seed=3) as one, there.open(task, seed=3) as other:
        assert list(one.tools) == list(other.tools)
        assert await one.reset() == await other.reset()
        for call in here.oracle(task, seed=3) or ():
            assert await one.step(call) == await other.step(call)


def test_it_is_played_by_the_program(household: str, tmp_path: Path) -> None:
    options = ["--episodes", 3, "--method", "", "--out", tmp_path / "run", "--json"]
    told = knowhow("run", "--suite", f"remote(url={household!r})", *options).told
    assert (told["suite"], told["episodes"], told["errors"]) == ("household", 3, 0)


def test_the_oracle_stays_at_home_unless_it_is_asked_for(doors: str) -> None:
    suite = Remote(doors)
    assert suite.oracle(suite.tasks("train")[0], seed=0) is None
    asked = {"task": {"id": "door 0", "split": "train", "kind": "door", "goal": "open door 0"}, "seed": 0}
    refused = httpx.post(f"{doors}/oracle", json=asked)
    assert refused.status_code == 400 and refused.json() == {
        "error": "the oracle is not served; start the server with --oracle"
    }


async def test_a_full_server_is_waited_for(doors: str) -> None:
    suite, impatient = Remote(doors), Remote(doors, seconds=0.3)
    task = suite.tasks("train")[0]
    async with suite.open(task, seed=0) as one, suite.open(task, seed=1) as two:
        await one.reset(), await two.reset()
        with pytest.raises(EngineFailed, match="said to /reset: the server plays 2 episodes already; try again when"):
            async with impatient.open(task, seed=0):
                pass
        third = asyncio.create_task(_first(suite))
        await asyncio.sleep(0.1)
        assert not third.done()
    assert "door" in await third


async def _first(suite: Remote) -> str:
    async with suite.open(suite.tasks("train")[0], seed=0) as env:
        return (await env.reset()).observation


async def test_an_episode_that_is_left_alone_is_ended_and_says_so() -> None:
    with served(DOORS, "--sessions", "1", "--idle", "0.3") as (url, _):
        suite = Remote(url)
        async with suite.open(suite.tasks("train")[0], seed=0) as env:
            await env.reset()
            assert "door" in await _first(suite), "its place is free again"
            with pytest.raises(EngineFailed, match=r"no session '\w+'; it was closed, or left alone for over 0.3 s"):
                await env.step(WAIT)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "told"),
    [
        ("POST", "/reset", "{", 400, "Expecting property name"),
        ("POST", "/reset", "[1]", 400, "the request [1] is no JSON object"),
        ("POST", "/reset", '{"seed": "x"}', 400, "seed='x' is no whole number from 0 up"),
        ("POST", "/reset", '{"task": {"id": "door 0"}}', 400, "split=None is no text"),
        ("POST", "/step", '{"session": "none", "action": {"tool_name": "act"}}', 410, "there is no session 'none'"),
        ("POST", "/step", '{"session": "none"}', 400, "action=None is no object"),
        ("POST", "/close", "{}", 410, "there is no session None"),
        ("GET", "/tasks?split=exam", "", 400, "split='exam' is none of train, validation, test"),
        ("GET", "/tasks?start=-1", "", 400, "start='-1' is no whole number from 0 up"),
        ("POST", "/reset", f'{{"seed": "{"x" * (1 << 20)}"}}', 400, "the request has over 1,048,576 bytes"),
    ],
)
def test_what_is_no_request_is_told_in_one_line(
    doors: str, method: str, path: str, body: str, status: int, told: str
) -> None:
    answer = httpx.request(method, f"{doors}{path}", content=body)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(told) and "\n" not in answer.json()["error"]


def test_a_task_that_is_none_is_told(household: str) -> None:
    task = {"id": "attic", "split": "train", "kind": "put", "goal": "x"}
    answer = httpx.post(f"{household}/reset", json={"task": task, "seed": 0})
    assert answer.status_code == 404 and "has no task 'attic'" in answer.json()["error"]


def test_web_pages_are_not_served(doors: str) -> None:
    assert httpx.post(f"{doors}/reset", json={}, headers={"Origin": "https://example.org"}).status_code == 403


def test_beyond_this_machine_it_takes_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with server([*command(MAIN), "serve-suite", DOORS, "--json", "--host", "0.0.0.0"]) as (line, _):
        told = json.loads(line)
        url = told["url"].replace("0.0.0.0", "127.0.0.1")
        assert len(told["token"]) >= 24
        assert httpx.get(f"{url}/health").json() == {"status": "healthy"}
        assert httpx.get(f"{url}/suite").status_code == 401
        with pytest.raises(BadSetting, match=r"token is missing or wrong.*set KNOWHOW_TOKEN to its token"):
            Remote(url)
        monkeypatch.setenv("KNOWHOW_TOKEN", told["token"])
        assert Remote(url).tasks("train")[0].goal == "open door 0"
        monkeypatch.setenv("KNOWHOW_TOKEN", told["token"] + "x")
        with pytest.raises(BadSetting):
            Remote(url)
    with served(DOORS, KNOWHOW_TOKEN="secret") as (url, _):
        assert httpx.get(f"{url}/suite").status_code == 401
        assert httpx.get(f"{url.replace('//', '//any:secret@')}/suite").json()["name"] == "doors"


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_at_its_end_every_open_episode_is_closed(end: signal.Signals, tmp_path: Path) -> None:
    """The suite writes down what is opened and closed."""
    log = tmp_path / "log"
    (tmp_path / "noisy.py").write_text(NOISY.format(log=str(log), doors=str(Path(__file__).parent)))
    with served(f"{tmp_path / 'noisy.py'}:Noisy") as (url, process):
        for seed in range(3):
            httpx.post(f"{url}/reset", json={"seed": seed})
        process.send_signal(end)
        assert process.wait(10) in ([0] if end is signal.SIGINT else [0, -end])
    assert sorted(log.read_text().split()) == ["closed"] * 3 + ["opened"] * 3


NOISY = """
import contextlib, sys
sys.path.insert(0, {doors!r})
from doors import Doors

class Noisy(Doors):
    @contextlib.asynccontextmanager
    async def open(self, task, *, seed):
        with open({log!r}, "a") as log:
            print("opened", file=log, flush=True)
            try:
                async with super().open(task, seed=seed) as env:
                    yield env
            finally:
                print("closed", file=log, flush=True)
"""


async def test_a_server_that_dies_in_an_episode_costs_the_episode() -> None:
    with served(DOORS) as (url, process):
        suite = Remote(url)
        task = suite.tasks("train")[0]
        async with suite.open(task, seed=0) as env:
            await env.reset()
            process.kill()
            await gone(process.pid)
            with pytest.raises(EngineFailed, match=f"the server at {url} is not there, or no longer .*start it again"):
                await env.step(WAIT)
        with pytest.raises(EngineFailed, match="is not there, or no longer"):
            async with suite.open(task, seed=0):
                pass


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "remote needs the server's address, as in remote"),
        ("localhost:8000", "url='localhost:8000' is no URL of a server; write it as in 'http://127.0.0.1:8000'"),
        ("http://", "is no URL of a server"),
        ("http://127.0.0.1:1", "the server at http://127.0.0.1:1 is not there, or no longer .*refused"),
    ],
)
def test_a_wrong_address_is_told_at_once(url: str, told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        Remote(url)


STRANGER = """
import json, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
class Stranger(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow/suite":
            time.sleep(30)
        body = {"/page/suite": b"<html>", "/empty/suite": b"{}"}.get(self.path)
        about = {"name": "odd", "tasks": {"train": 1, "validation": 2, "test": 1}}
        task = {"id": "same", "split": "validation", "kind": "put", "goal": "put it there"}
        if self.path.startswith("/odd"):
            body = json.dumps(about | ({"tasks": [task] * 2} if "validation" in self.path else {})).encode()
        if self.path.startswith("/train"):
            body = json.dumps(about | ({"tasks": [task]} if "split" in self.path else {})).encode()
        if self.path.startswith("/endless"):
            body = json.dumps(about | {"max_steps": "many"}).encode()
        self.send_response(404 if body is None else 200); self.end_headers(); self.wfile.write(body or b"")
    def do_POST(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'{"observation": 7}')
    def log_message(self, *given): pass
there = HTTPServer(("127.0.0.1", 0), Stranger)
print(f"http://127.0.0.1:{there.server_port}", flush=True)
there.serve_forever()
"""


async def test_a_server_that_is_something_else_is_told() -> None:
    with server(python(STRANGER)) as (url, _):
        for path, told in (
            ("", r"answered /suite with what cannot be read \(.*write openenv\(url=...\)"),
            ("/page", "answered /suite with what cannot be read"),
            ("/empty", "a suite has a name and numbers of tasks"),
            ("/endless", "max_steps='many' is no whole number of steps"),
        ):
            with pytest.raises(BadSetting, match=told):
                Remote(url + path)
        odd = Remote(f"{url}/odd")
        with pytest.raises(EngineFailed, match="these are not 1 tasks"):
            odd.tasks("train")[0]
        with pytest.raises(EngineFailed, match="the task 'same' comes twice"):
            odd.tasks("validation")[0]
        with pytest.raises(EngineFailed, match="asked for train tasks, it gave 'same' of validation"):
            Remote(f"{url}/train").tasks("train")[0]
        with pytest.raises(EngineFailed, match="answered /reset with what cannot be read"):
            async with odd.open(Doors().tasks("train")[0], seed=0):
                pass
        begun = time.monotonic()
        with pytest.raises(BadSetting, match=r"did not answer within 0.2 s \(see seconds=...\)"):
            Remote(f"{url}/slow", seconds=0.2)
        assert time.monotonic() - begun < 10


def test_an_address_that_is_taken_is_told(doors: str) -> None:
    port = doors.rpartition(":")[2]
    told = knowhow("serve-suite", "household", "--port", port).complaint
    assert told.startswith(f"127.0.0.1:{port} cannot be listened on (") and "--port" in told
    assert "no suite 'housold'" in knowhow("serve-suite", "housold").complaint
