"""What docs/environments.md and docs/remote.md tell works as it stands there."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import served, server

from knowhow.environments.check import assert_conforms, check_suite
from knowhow.environments.discover import build, find
from knowhow.environments.suites.remote import Remote
from knowhow.environments.types import SPLITS, ToolCall

SUITES = "knowhow.environments.suites"
DOCS = Path(__file__).parents[1] / "docs"
ENVIRONMENTS, REMOTE = ((DOCS / name).read_text(encoding="utf-8") for name in ("environments.md", "remote.md"))


def blocks(text: str) -> list[tuple[str, str]]:
    """Each fenced block: its language, which may be empty, and what it says."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def code(language: str, told: str) -> str:
    (found,) = (one for kind, one in blocks(ENVIRONMENTS) if kind == language and told in one)
    return found


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("own") / "doors.py"
    file.write_text(code("python", "class Doors"))
    return file


@pytest.fixture(scope="module")
def url(doors: Path) -> Iterator[str]:
    with served(f"{doors}:Doors") as (url, _):
        yield url


def test_a_class_of_under_30_lines_is_a_suite_here_and_in_another_process(doors: Path, url: str) -> None:
    assert len([line for line in doors.read_text().splitlines() if line.strip()]) < 30
    here = find(SUITES, f"{doors}:Doors")()
    assert_conforms(here, tasks_per_split=1, seeds=(0,))
    there = Remote(url)
    assert list(there.tasks("test")) == here.tasks("test")
    assert_conforms(there, tasks_per_split=1, seeds=(0,))


@pytest.mark.skipif(shutil.which("node") is None, reason="apt install nodejs")
def test_an_environment_in_another_language_is_a_suite(tmp_path: Path) -> None:
    text = code("js", "createServer")
    assert len(text.splitlines()) <= 45
    says = "function () { console.log(`http://127.0.0.1:${this.address().port}`); }"
    freely = re.sub(r"listen\(\d+, (.*)\);\n$", lambda found: f"listen(0, {found[1]}, {says});\n", text)
    (tmp_path / "boxes.mjs").write_text(freely)
    with server(["node", str(tmp_path / "boxes.mjs")]) as (url, _):
        suite = Remote(url)
        assert_conforms(suite, tasks_per_split=1, seeds=(0,))
        assert (suite.name, suite.max_steps, len(suite.tasks("train"))) == ("boxes", 6, 90)


async def test_the_tools_of_an_mcp_server_are_a_suite(tmp_path: Path) -> None:
    pytest.importorskip("mcp")
    (tmp_path / "stock.py").write_text(code("python", "MCPServer"))
    (tmp_path / "stock.jsonl").write_text(code("json", "plates"))
    (tmp_path / "checks.py").write_text(code("python", "def plates"))
    line = next(line for line in commands() if line.startswith('knowhow check-suite "mcp'))
    for name in ("stock.py", "stock.jsonl", "checks.py"):
        line = line.replace(name, str(tmp_path / name))
    suite = build(SUITES, line.split('"')[1].replace("python ", f"{sys.executable} "))
    assert [len(suite.tasks(split)) for split in SPLITS] == [1, 1, 1]
    for split, call, answer in (
        ("train", ToolCall("count", {"thing": "mugs"}), "7"),
        ("test", ToolCall("order", {"thing": "plates", "number": 8}), ""),
    ):
        async with suite.open(suite.tasks(split)[0], seed=0) as env:
            await env.reset()
            assert (await env.step(call)).observation in ("7", "Ordered.")
            assert (await env.step(ToolCall("done", {"answer": answer}))).reward == 1.0


def commands() -> list[str]:
    lines = (line for _, block in blocks(ENVIRONMENTS + REMOTE) for line in block.splitlines())
    return [line for line in lines if line.startswith("knowhow ")]


@pytest.mark.worlds
@pytest.mark.parametrize("suite", sorted(set(re.findall(r'"(gymnasium\(.*?\))"', ENVIRONMENTS))))
async def test_an_environment_of_gymnasium_is_a_suite(suite: str) -> None:
    pytest.importorskip("gymnasium")
    if "Taxi" in suite:
        pytest.importorskip("pygame")
    built = build(SUITES, suite)
    findings = await check_suite(built, tasks_per_split=1, seeds=(0,))
    # FrozenLake's first observation is the same whatever the seed.
    alike = "no task comes back in another split" if "FrozenLake" in suite else ""
    assert [finding for finding in findings if not finding.ok and finding.check != alike] == []


@pytest.mark.parametrize("line", commands())
def test_every_command_line_is_one_that_the_program_takes(line: str) -> None:
    from test_readme import test_every_command_line_is_one_that_the_program_takes as takes

    takes(line)


def exchanges() -> list[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
    """Every request in docs/remote.md: method, path, what is sent, what is answered."""
    found = re.findall(r"```\n(GET|POST) (\S+)(?: (\{.*\}))?\n(\{.*\})\n```", REMOTE)
    return [(method, path, json.loads(sent or "{}"), json.loads(answered)) for method, path, sent, answered in found]


def test_every_request_of_the_protocol_is_answered_as_it_is_shown(doors: Path) -> None:
    with served(f"{doors}:Doors", "--oracle") as (url, _):
        session = ""
        told = exchanges()
        assert [path.split("?")[0] for _, path, _, _ in told] == [
            *("/suite", "/tasks", "/reset", "/step", "/close", "/oracle")
        ]
        for method, path, sent, shown in told:
            sent = {**sent, "session": session} if "session" in sent else sent
            answer = httpx.request(method, url + path, json=sent or None)
            assert answer.status_code == 200, answer.text
            session = answer.json().get("session", session)
            assert _alike(shown, answer.json()), (path, answer.text)


def _alike(shown: Any, given: Any) -> bool:
    """The same keys and texts; commands are cut short in the page, and a session, a token and ``oracle`` differ."""
    if isinstance(shown, dict):
        free = {"session", "oracle"}
        same = (_alike(shown[key], given[key]) for key in shown if key not in free)
        return shown.keys() == given.keys() and all(same)
    if isinstance(shown, list):
        return isinstance(given, list) and shown == [one for one in given if one in shown]
    return bool(shown == given)
