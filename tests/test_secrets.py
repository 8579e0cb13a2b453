"""Keys that are planted where a run could meet them reach nothing that it keeps or tells."""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from openai_server import Fault, OpenAIServer, Reply
from runs import HUT
from typer.testing import CliRunner

from knowhow.agents.model import load_model
from knowhow.agents.tracing import traced
from knowhow.environments.errors import BadSetting, KnowhowError
from knowhow.environments.redact import HIDDEN, redacted, without_keys
from knowhow.evals import cli, engine, learn
from knowhow.evals.cli import app
from knowhow.evals.logs import Logged, logged
from knowhow.evals.report import write_report
from knowhow.evals.run import run
from knowhow.evals.settings import Settings
from knowhow.evals.watch import Silent
from knowhow.memory.journal import Journal

KEY = 'planted-4f"9a\\71c-of-the-environment'
"""With letters that JSON writes otherwise."""


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "load_model", partial(load_model, backoff_s=0.01, timeout_s=5))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("PLANTED_API_KEY", KEY)


def texts(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every byte below a folder, and what databases hold compressed."""
    for path in (one for one in folder.rglob("*") if one.is_file()):
        yield str(path), path.read_bytes()
        if path.suffix == ".db":
            with closing(sqlite3.connect(path)) as database:
                for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    for row in database.execute(f'SELECT * FROM "{table}"'):
                        for value in (one for one in row if isinstance(one, bytes)):
                            yield f"{path} {table}", zlib.decompress(value) if value[:2] == b"\x78\x01" else value


def leaks(folder: Path, *secrets: str) -> list[str]:
    forms = {form.encode() for secret in secrets for form in (secret, json.dumps(secret)[1:-1])}
    return [place for place, data in texts(folder) for form in forms if form in data]


def echo(request: dict[str, Any], index: int, server: OpenAIServer) -> Fault | Reply:
    """Says back what it was sent with, as some servers do: in an error, in what it plays, in what it reflects."""
    sent = server.headers[index]["authorization"]
    if index == 2:
        return Fault(400, f"bad request with Authorization: {sent}")
    if request.get("tools"):
        commands = re.findall(r"^- (.+)$", str(request["messages"][-1]["content"]), re.MULTILINE)
        return Reply(f"My key is {sent}.", [("act", {"command": commands[index % len(commands)]})])
    if request["messages"][0]["content"].startswith("# Reflector"):
        return Reply(json.dumps({"key_insight": f"Send {sent} first.", "bullet_tags": []}))
    lesson = {"type": "ADD", "section": "strategies", "content": f"Send {sent} number {index}.", "from": [1]}
    return Reply(json.dumps({"reasoning": sent, "operations": [lesson]}))


async def test_a_server_that_echoes_its_key_leaves_it_nowhere(tmp_path: Path) -> None:
    servers: list[OpenAIServer] = []
    with OpenAIServer(lambda request, index: echo(request, index, servers[0])) as server:
        servers.append(server)
        few: dict[str, Any] = {"episodes": 4, "rounds": 2, "validation": 2, "withhold_rate": 0.0, "mode": "online"}
        settings = Settings(
            suite=HUT,
            model=f"{server.url}#m?key=PLANTED_API_KEY",
            memory="playbook",
            split="train",
            cache=str(tmp_path / "cache.db"),
            **few,
        )
        with traced(str(tmp_path / "trace.jsonl")), logged(str(tmp_path / "log.jsonl")):
            await learn.start(settings, tmp_path / "run", Logged(Silent()))
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"  # it was there to leak
    write_report(tmp_path / "run")
    assert leaks(tmp_path, KEY) == []
    assert leaks(tmp_path / "run", HIDDEN), "nothing was taken out, so that nothing was shown"
    with Journal.open(tmp_path / "run/journal.db") as journal:
        assert any(HIDDEN in item.text for item in journal.items().values())
    assert "HTTP 400, bad request with Authorization" in (tmp_path / "log.jsonl").read_text()


async def test_a_run_that_every_request_fails_tells_why_without_the_key(tmp_path: Path) -> None:
    def refuse(request: dict[str, Any], index: int) -> Fault:
        return Fault(401, f"Incorrect API key provided: {server.headers[index]['authorization']}")

    with (
        OpenAIServer(refuse) as server,
        traced(str(tmp_path / "trace.jsonl")),
        pytest.raises(KnowhowError, match="Incorrect API key provided") as told,
    ):
        await run(Settings(suite=HUT, model=f"{server.url}#m?key=PLANTED_API_KEY", episodes=2), tmp_path / "run")
    assert KEY not in str(told.value) and "check the API key" in str(told.value)
    assert leaks(tmp_path, KEY) == []


WRONG = "wr0ng-place-for-a-key"


@pytest.mark.parametrize(
    "given",
    [
        {"model": f"http://127.0.0.1:9/v1#m?api_key={WRONG}"},
        {"model": f"http://me:{WRONG}@127.0.0.1:9/v1#m"},
        {"model": f"http://127.0.0.1:9/v1#m?key={WRONG}"},
        {"suite": f"remote(url='http://me:{WRONG}@127.0.0.1:9')"},
        {"suite": f"remote(url='http://127.0.0.1:9', token='{WRONG}')"},
        {"suite": f"mcp('server --token {WRONG}', tasks='x')".replace("--token ", "--token=")},
        {"model": f"novice?seed={KEY}"},
    ],
)
def test_a_key_in_a_setting_is_refused_and_not_repeated(
    given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadSetting, match="holds a key or a password"):
        Settings(**given)
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    monkeypatch.setattr("sys.argv", ["knowhow", "run", *words, "--out", str(tmp_path / "run")])
    with pytest.raises(SystemExit):
        cli.main()
    told = capsys.readouterr()
    assert "environment variable" in told.err
    assert WRONG not in told.err + told.out and KEY not in told.err + told.out
    assert leaks(tmp_path, WRONG, KEY) == []


@pytest.mark.parametrize(
    "text",
    [
        "Bearer abcdefgh1234",
        "authorization: Basic dXNlcjpwYXNz",
        "https://user:pass@host/v1",
        "error for sk-proj-abcdefghij0123",
        "hf_abcdefghijklmnop",
        "{'api_key': 'abcdefgh12'}",
        "url?access_token=abcdefgh12&x=1",
    ],
)
def test_what_looks_like_a_key_is_told_without_it(text: str) -> None:
    assert HIDDEN in redacted(text) and not re.search("abcdefgh|dXNl|pass", redacted(text))
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "take the key from drawer 1, then the token: it opens the door",
        "http://localhost:8000/v1#Qwen/Qwen3-8B?key=MY_API_KEY&temperature=0.7",
        "hf:runs/pocket@runs/played/adapters/ada-1/adapter",
        "the budget of 1,000 tokens is used up: 990 spent",
        "mcp(command='python server.py', env='TOKEN, OTHER')",
        "monkey=banana-banana, risk-averse-players",
    ],
)
def test_what_only_sounds_like_it_stays(text: str) -> None:
    assert redacted(text) == text


def test_short_values_and_plain_words_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSE_KEY", "cupboard")
    monkeypatch.setenv("MAX_TOKEN", "12345678")
    monkeypatch.setenv("A_TOKEN", "x1")
    assert without_keys("cupboard 12345678 x1") == "cupboard 12345678 x1"


def test_help_names_the_flags() -> None:
    told = CliRunner().invoke(app, ["evolve", "--help"], env={"COLUMNS": "200"}).output
    assert "--trace" in told and "--log" in told
