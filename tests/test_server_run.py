"""Whole runs against a real HTTP server of OpenAI's protocol: every request is counted, no budget is passed, whatever
the server does."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from openai_server import TRUNCATED, Fault, OpenAIServer, Reply
from processes import command
from runs import HUT

from knowhow.agents.model import load_model
from knowhow.environments.errors import KnowhowError
from knowhow.evals import engine, learn, run
from knowhow.evals.folder import RunFolder
from knowhow.evals.settings import Settings
from knowhow.memory.episodes import Episodes
from knowhow.memory.store import Memory

Answer = Callable[[dict[str, Any], int], str | Reply | Fault]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models as they are, but for their patience: short pauses, and a wait that a busy machine's stalls don't reach."""
    monkeypatch.setattr(engine, "load_model", partial(load_model, backoff_s=0.01, timeout_s=2.0, retries=12))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


def settings(server: OpenAIServer, **given: Any) -> Settings:
    return Settings(**{"model": f"{server.url}#m", "episodes": 6, "concurrency": 4, **given})


def last_text(request: dict[str, Any]) -> str:
    return str(request["messages"][-1]["content"])


def act(request: dict[str, Any], index: int) -> Reply:
    """One of the commands that the world lists, each turn another one."""
    commands = re.findall(r"^- (.+)$", last_text(request), re.MULTILINE)
    turn = len(request["messages"])
    return Reply(f"Step {turn}.", [("act", {"command": commands[turn * 7 % len(commands)]})])


FAULTS: dict[str, Reply | Fault] = {
    "too many": Fault(429, "slow down", headers={"Retry-After": "0"}),
    "server error": Fault(500),
    "overloaded": Fault(503),
    "time-out": Reply("too late", delay_s=3.0),
    "truncated": TRUNCATED,
    "dropped": Fault(dropped=True),
    "wrong tool": Reply("I walk.", [("walk", {"to": "fridge 1"})]),
    "wrong argument": Reply("I act.", [("act", {"commando": "look"})]),
    "cut-off arguments": Reply("I act.", [("act", '{"command": "lo')]),
    "arguments that are no object": Reply("I act.", [("act", '"look"')]),
    "no call": Reply("Let me think about this."),
    "nothing": Reply(""),
    "half a character": Reply("I look \ud83d"),
}


def faulty(answer: Answer) -> Answer:
    """Every third answer is one of the faults in turn; time-outs, which take long, are the rarest."""
    kinds = [name for name in FAULTS if name != "time-out"]

    def script(request: dict[str, Any], index: int) -> str | Reply | Fault:
        if index % 3:
            return answer(request, index)
        return FAULTS["time-out" if index % 60 == 30 else kinds[index // 3 % len(kinds)]]

    return script


async def test_a_run_survives_every_fault_and_counts_every_request(tmp_path: Path) -> None:
    with OpenAIServer(faulty(act)) as server:
        result = await run.run(settings(server), tmp_path / "run")
    assert (result["episodes"], result["errors"], result["unfinished"]) == (6, 0, 0)
    assert result["model_calls"] == len(server.requests) > 100
    with Episodes.open(tmp_path / "run") as episodes:
        observed = [step.feedback.observation for t in episodes.find() for step in t.steps if step.call is None]
    for told in ("no tool 'walk'", "does not take commando", "could not be read", "held no tool call"):
        assert any(told in text for text in observed), told


async def test_every_request_is_one_that_a_strict_server_takes(tmp_path: Path) -> None:
    """Each call in the history is answered, in order, and its arguments are JSON, whatever the model had sent."""
    with OpenAIServer(faulty(act)) as server:
        await run.run(settings(server, episodes=2), tmp_path / "run")
    for request in server.requests:
        open_calls: list[str] = []
        for message in request["messages"]:
            if message["role"] == "tool":
                assert message["tool_call_id"] == open_calls.pop(0)
                continue
            assert open_calls == []
            for call in message.get("tool_calls") or ():
                assert isinstance(json.loads(call["function"]["arguments"]), dict)
                open_calls.append(call["id"])
        assert open_calls == []


@pytest.mark.parametrize("budget", [1, 17, 64])
async def test_no_more_requests_reach_the_server_than_the_budget_has(budget: int, tmp_path: Path) -> None:
    with OpenAIServer(faulty(act)) as server:
        result = await run.run(settings(server, budget_calls=budget, concurrency=6), tmp_path / "run")
    assert len(server.requests) == budget == result["model_calls"]
    assert result["episodes"] + result["unfinished"] == 6 and result["unfinished"] > 0


async def test_methods_and_searches_stay_within_the_budget_too(tmp_path: Path) -> None:
    def answer(request: dict[str, Any], index: int) -> Reply:
        return act(request, index) if request.get("tools") else Reply('{"best": 1, "achieved": false}')

    method = "retry(n=2), self_consistency(n=3)"
    with OpenAIServer(faulty(answer)) as server:
        result = await run.run(settings(server, method=method, budget_calls=150), tmp_path / "run")
    assert len(server.requests) == 150 == result["model_calls"]


async def test_a_server_that_refuses_everything_stops_the_run_with_its_own_words(tmp_path: Path) -> None:
    with (
        OpenAIServer(lambda request, index: Fault(401, "no such key")) as server,
        pytest.raises(KnowhowError, match=r"all of the first 6 episodes failed: .*no such key.*check the API key"),
    ):
        await run.run(settings(server), tmp_path / "run")
    assert len(server.requests) == 6


# --- learning from a server's words ---

REFLECTION = """Let me think.

```json
{"reasoning": "It looked around.", "error_identification": "", "root_cause": "", "correct_approach": "",
 "key_insight": "Open closed things first.", "bullet_tags": [{"id": "str-00001", "tag": "helpful"}]}
```
That is all."""
CURATION = """```json
{"reasoning": "new", "operations": [
  {"type": "ADD", "section": "strategies", "content": "Open closed things first, lesson %d.", "from": [1]}]}
```"""


def teacher(reflection: str, curation: Callable[[int], str]) -> Answer:
    """Plays, reflects and curates; what it curates may count the curations so far."""
    curated = 0

    def answer(request: dict[str, Any], index: int) -> Reply:
        nonlocal curated
        if request.get("tools"):
            return act(request, index)
        if request["messages"][0]["content"].startswith("# Reflector"):
            return Reply(reflection)
        curated += 1
        return Reply(curation(curated))

    return answer


def evolution(server: OpenAIServer, **given: Any) -> Settings:
    few = {"suite": HUT, "split": "train", "memory": "playbook", "episodes": 4, "rounds": 2, "validation": 2}
    return settings(server, **{**few, "withhold_rate": 0.0, **given})


async def test_a_playbook_is_learned_from_fenced_json_and_reaches_the_next_prompts(tmp_path: Path) -> None:
    with OpenAIServer(teacher(REFLECTION, lambda number: CURATION % number)) as server:
        result = await learn.start(evolution(server, mode="online"), tmp_path / "run")
    assert [one["edits"] for one in result["rounds"]] == [1, 2]  # a new bullet; then another, and counts of the first
    with Memory.open(tmp_path / "run") as memory:
        items = {item.id: item for item in memory.items()}
    assert [item.text for item in items.values()] == [f"Open closed things first, lesson {n}." for n in (1, 2)]
    assert (items["str-00001"].uses, items["str-00001"].helpful) == (2, 2)
    played = [request["messages"][0]["content"] for request in server.requests if request.get("tools")]
    assert sum("[str-00002]" in system for system in played) >= 2 * 2
    assert "[str-00001]" not in played[0]
    with RunFolder.open(tmp_path / "run") as folder:
        assert folder.spent.calls == len(server.requests)


NOISE = [
    "I would rather not say.",
    "",
    "{",
    '{"operations": [{"type": "ADD", "section": "strategies", "con',
    "[1, 2, 3]",
    "null",
    '{"operations": "none", "bullet_tags": 7}',
    '{"operations": [null, 3, [], {"type": null}, {"type": "ADD"}, {"type": "ADD", "content": ["a"], "from": "all"}]}',
    '{"operations": [{"type": "UPDATE", "id": "str-99999", "content": "x"}, {"type": "REMOVE", "id": {"a": 1}}]}',
    '{"operations": [{"type": "MERGE", "ids": ["str-00001", 5, null], "content": 1e999}], "key_insight": {"a": [1]}}',
    '{"operations": [{"type": "ADD", "content": "half a character \\ud83d", "section": 3}], "key_insight": "\\ud83d"}',
    '{"reasoning": ' + "9" * 5000 + "}",
    '{"a":' * 5000,
]


async def test_replies_that_cannot_be_read_teach_nothing_wrong_and_stop_nothing(tmp_path: Path) -> None:
    said = Counter[str]()

    def answer(request: dict[str, Any], index: int) -> Reply:
        if request.get("tools"):
            return act(request, index)
        role = request["messages"][0]["content"].split()[1]
        said[role] += 1
        if role == "Reflector" and said[role] % 2:
            return Reply(REFLECTION)
        return Reply(NOISE[said[role] // 2 % len(NOISE)])

    noisy = {"mode": "online", "memory": "playbook(curate=1)", "episodes": 30, "validation": 1, "concurrency": 8}
    with OpenAIServer(answer) as server:
        result = await learn.start(evolution(server, **noisy), tmp_path / "run")
    assert len(result["rounds"]) == 2
    assert [result[name]["errors"] for name in ("before", "after", "withheld")] == [0, 0, 0]
    with Memory.open(tmp_path / "run") as memory:
        assert {item.text.encode() for item in memory.items()} <= {b"half a character ?", b"['a']", b"x"}
    assert min(said["Reflector"], said["Curator"]) > 2 * len(NOISE)


def test_a_budget_holds_over_a_kill_and_a_resume(tmp_path: Path) -> None:
    folder, budget = tmp_path / "run", 150
    with OpenAIServer(teacher(REFLECTION, lambda number: CURATION % number)) as server:
        given = evolution(server, budget_calls=budget, episodes=20, validation=4).to_dict()
        program = f"""
import asyncio
from pathlib import Path
from knowhow.evals import learn
from knowhow.evals.settings import from_mapping
asyncio.run(learn.start(from_mapping({given}), Path({str(folder)!r})))
"""
        with subprocess.Popen(command(program)) as process:
            while len(server.requests) < 60:
                assert process.poll() is None
                time.sleep(0.005)
            process.kill()
        with RunFolder.open(folder) as opened:
            spent = opened.spent.calls
        assert 60 <= len(server.requests) <= spent <= len(server.requests) + 4  # a request is counted before it is sent
        asyncio.run(learn.resume(folder))
        assert len(server.requests) <= budget
    with RunFolder.open(folder) as opened:
        assert opened.spent.calls == budget


async def test_a_server_that_dies_stops_the_run_which_plays_its_failures_again_when_it_goes_on(tmp_path: Path) -> None:
    dies_at = 150

    def answer(request: dict[str, Any], index: int) -> Reply | Fault:
        return Fault(401, "gone") if dies_at <= index else act(request, index)

    with OpenAIServer(answer) as server:
        with pytest.raises(KnowhowError, match=r"the last 10 episodes all failed: .*gone.*--resume"):
            await run.run(settings(server, episodes=24, concurrency=2), tmp_path / "run")
        dies_at = 10**6
        result = await run.resume(tmp_path / "run")
    assert (result["episodes"], result["errors"]) == (24, 0)
