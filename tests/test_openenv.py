"""OpenEnv's environments as suites, and suites for OpenEnv's clients: against its own package, installed by itself."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from doors import Doors
from processes import gone
from served import python, served, server

from knowhow.environments.check import check_suite
from knowhow.environments.errors import BadSetting, EngineFailed, UnknownName
from knowhow.environments.remote.openenv_actions import actions_of, told
from knowhow.environments.suites.openenv import Openenv
from knowhow.environments.types import SPLITS, Task, ToolCall

HERE = Path(__file__).parent
PYTHON = HERE.parent / "build" / "openenv" / "bin" / "python"
real = pytest.mark.skipif(not PYTHON.exists(), reason="make openenv")


@pytest.fixture(scope="module")
def guessing() -> Iterator[str]:
    with server([str(PYTHON), str(HERE / "openenv_server.py"), "guess"]) as (url, _):
        yield url


@real
async def test_an_environment_that_knows_nothing_of_knowhow_is_a_suite(guessing: str) -> None:
    suite = Openenv(guessing, name="guess", goal="guess the number", win=0.5)
    findings = await check_suite(suite, tasks_per_split=1, seeds=(0,))
    # Its first observation does not tell one seed from another.
    broken = [finding.check for finding in findings if not finding.ok]
    assert [check for check in broken if check != "no task comes back in another split"] == []
    assert suite.outside and not Openenv(guessing, outside=False).outside
    ids = [{task.id for task in suite.tasks(split)} for split in SPLITS]
    assert [len(one) for one in ids] == [600, 200, 200] and len(set.union(*ids)) == 1000


@real
async def test_its_actions_are_a_tool_and_its_return_decides(guessing: str) -> None:
    suite = Openenv(guessing, win=0.5)
    task = suite.tasks("train")[0]
    async with suite.open(task, seed=9) as env:
        first = await env.reset()
        assert first.observation.endswith("It is a number from 1 to 8.") and "Guessing" in first.observation
        assert first.commands == tuple(f"act(number={n})" for n in range(1, 9))
        assert env.tools[0]["function"]["description"] == "Guess the number."
        said = [await env.step(ToolCall("act", {"number": n})) for n in (1, 2, 3, 4, 5, 6)[: _number(task) - 1]]
        assert {one.observation for one in said} <= {"Higher."} and not any(one.done for one in said)
        out = await env.step(ToolCall("act", {"number": 99}))
        assert "This cannot be done" in out.observation and not out.done
        right = await env.step(ToolCall("act", {"number": _number(task)}))
        assert (right.observation, right.reward, right.terminated) == ("Right.", 1.0, True)


def _number(task: Task) -> int:
    from random import Random

    return Random(int(task.id.removeprefix("seed-"))).randint(1, 8)


@real
async def test_an_environment_that_fails_costs_the_episode(guessing: str) -> None:
    suite = Openenv(guessing, options={"most": 3})
    async with suite.open(suite.tasks("test")[0], seed=0) as env:
        assert "from 1 to 3" in (await env.reset()).observation, "options go along with the reset"
        with pytest.raises(EngineFailed, match=r"said to step: it was from 1 to 3 \(EXECUTION_ERROR\)"):
            await env.step(ToolCall("act", {"number": 7}))
    with pytest.raises(UnknownName, match="has no task 'door 0'"):
        await _opened(suite, Doors().tasks("train")[0])


@real
async def test_mcp_tools_are_the_tools_and_a_server_of_one_session_is_waited_for() -> None:
    with server([str(PYTHON), str(HERE / "openenv_server.py"), "echo"]) as (url, process):
        suite = Openenv(url)
        task = suite.tasks("train")[0]
        async with suite.open(task, seed=0) as env:
            await env.reset()
            assert [tool["function"]["name"] for tool in env.tools] == ["echo"]
            said = await env.step(ToolCall("echo", {"message": "hi", "times": 2}))
            assert (said.observation, said.reward, said.done) == ("hi hi", 0.0, False)
            failed = await env.step(ToolCall("echo", {"message": "boo"}))
            assert "no ghosts" in failed.observation and not failed.done
            with pytest.raises(EngineFailed, match=r"CAPACITY_REACHED"):
                async with Openenv(url, seconds=0.5).open(task, seed=0):
                    pass
            other = asyncio.create_task(_opened(suite, task))
            await asyncio.sleep(0.1)
            assert not other.done()
        assert await other
        async with suite.open(task, seed=0) as env:
            await env.reset()
            process.kill()
            await gone(process.pid)
            with pytest.raises(EngineFailed, match=r"the server at .* is gone"):
                await env.step(ToolCall("echo", {"message": "hi"}))
        with pytest.raises(EngineFailed, match="is not there, or no longer"):
            await _opened(suite, task)


async def _opened(suite: Openenv, task: Task) -> bool:
    async with suite.open(task, seed=0) as env:
        return bool((await env.reset()).observation)


@real
def test_openenvs_own_clients_play_a_served_suite() -> None:
    with served(f"{HERE / 'doors.py'}:Doors", "--sessions", "1") as (url, _):
        done = subprocess.run(
            [PYTHON, HERE / "openenv_client.py", url], capture_output=True, text=True, timeout=120, check=False
        )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert "On the wall hang a red key" in seen["first"]["text"] and "wait" in seen["first"]["commands"]
    assert seen["held"]["result"] == "You hold the red key." and "unlock the door" in seen["held"]["commands"]
    assert seen["last"][2] is True and seen["last"][:2] in (["It opens.", 1.0], ["The key breaks.", 0.0])
    assert seen["state"] == {"episode_id": "mine", "step_count": 2}
    assert seen["again"] is True
    assert [tool["name"] for tool in seen["tools"]] == ["act"] and seen["tools"][0]["input_schema"]["required"]
    assert seen["waited"] == "Time passes."
    assert "VALIDATION_ERROR" in seen["refused"]


async def test_the_wire_of_a_served_suite_is_openenvs() -> None:
    """Without its package: our client of OpenEnv plays our server of OpenEnv."""
    with served(f"{HERE / 'doors.py'}:Doors") as (url, _):
        suite = Openenv(url, name="other")
        assert suite.description == "One of two keys opens the door."
        async with AsyncExitStack() as stack:
            tasks = suite.tasks("train")[:2]
            envs = [await stack.enter_async_context(suite.open(task, seed=0)) for task in tasks]
            for env in envs:
                assert "On the wall" in (await env.reset()).observation
            for env in envs:
                said = await env.step(ToolCall("act", {"command": "take the red key"}))
                assert "You hold the red key." in said.observation
                last = await env.step(ToolCall("act", {"command": "unlock the door"}))
                assert last.terminated and last.reward == float("It opens." in last.observation)


STRANGER = """
from websockets.sync.server import serve
def handle(socket):
    for _ in socket:
        socket.send("[1]")
def plain(connection, request):
    if request.path == "/schema":
        return connection.respond(200, '{"action": {"properties": {"x": {"type": "string"}}}}')
    if request.path == "/metadata":
        return connection.respond(200, "{}")
with serve(handle, "127.0.0.1", 0, process_request=plain) as there:
    print(f"http://127.0.0.1:{there.socket.getsockname()[1]}", flush=True)
    there.serve_forever()
"""


async def test_what_is_no_openenv_server_is_told() -> None:
    for url, why in (("", "openenv needs the server's address"), ("http://127.0.0.1:1", "is not there, or no longer")):
        with pytest.raises(BadSetting, match=why):
            Openenv(url)
    with server(python(STRANGER)) as (url, _):
        with pytest.raises(BadSetting, match="answered /schema with what cannot be read"):
            Openenv(f"{url}/other")
        odd = Openenv(url)
        with pytest.raises(EngineFailed, match=r"answered reset with \[1\]"):
            await _opened(odd, odd.tasks("train")[0])


def test_few_values_of_one_field_are_commands_and_others_are_not() -> None:
    def commands(field: object, **more: object) -> object:
        return actions_of({"properties": {"move": field, "metadata": {}}, **more}).commands()

    assert commands({"enum": ["left", "right"], "type": "string"}) == ("left", "right")
    assert commands({"$ref": "#/$defs/Way"}, **{"$defs": {"Way": {"enum": [1, 2]}}}) == ("act(move=1)", "act(move=2)")
    assert commands({"type": "boolean"}) == ("act(move=true)", "act(move=false)")
    assert commands({"type": "integer", "minimum": 0, "maximum": 999}) is None
    assert commands({"type": "string"}) is None
    assert actions_of({"properties": {"a": {"enum": [1]}, "b": {"enum": [1]}}}).commands() is None
    with pytest.raises(ValueError, match="the action schema has no properties"):
        actions_of({})


def test_an_observation_is_told_by_its_fields() -> None:
    assert told({"text": "You see a door.", "error": None, "items": []}, 100) == "You see a door."
    assert told({"text": "You see.", "at": [1, 2]}, 100) == "text: You see.\nat: [1, 2]"
    assert told({}, 100) == "Nothing is told."
    assert told({"x": "a" * 30}, 10) == "a" * 10 + "\n[20 more characters]"
