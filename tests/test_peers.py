"""The bench beside other frameworks: figures come from processes of their own, and what is missing has a reason."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest

from knowhow.evals.benches.beside import stub
from knowhow.evals.benches.beside.environments import environment, run
from knowhow.evals.benches.beside.systems import OURS, SYSTEMS
from knowhow.evals.benches.beside.table import WHY, rows, table
from knowhow.evals.benches.peers import best, compare, measure_all, missed, options_of

CACHE = Path(gettempdir()) / "knowhow-peers"


def made(name: str) -> bool:
    return not environment(name, SYSTEMS[name].packages, CACHE, install=False)[1]


def quick(*systems: str, cache: Path) -> dict[str, Any]:
    options = options_of(["--quick", "--no-install", "--cache", str(cache), "--systems", *systems])
    vars(options).update(items=[200], writers=2, writes=5)
    return measure_all(options)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Knowhow, in this interpreter, and one that is not there."""
    return quick(OURS, "dspy", cache=tmp_path_factory.mktemp("cache"))


@pytest.mark.slow
def test_ours_is_measured_in_all_that_it_has(ours: dict[str, Any]) -> None:
    found = ours[OURS]
    assert found["agent"]["update"]["calls"] == 2  # a reflection and a curation
    assert found["agent"]["step"]["calls"] == 1
    assert all(found["agent"][part]["cpu_ms"] > 0 for part in ("step", "update"))
    memory = found["memory"]["200"]
    assert memory["true_neighbours_found"] == 1.0
    assert all(memory[name] > 0 for name in ("recall_8_ms", "delta_of_3_ms", "open_ms", "open_and_recall_ms"))
    for kind in ("processes", "threads"):
        assert found["writing"][kind]["lost"] == 0 and found["writing"][kind]["writes_per_s"] > 0
    assert found["import"]["cpu_s"] > 0


@pytest.mark.slow
def test_what_is_not_installed_is_told_with_the_reason(ours: dict[str, Any]) -> None:
    assert "no environment" in ours["dspy"]["failed"]
    printed = table(ours, [200], [OURS, "dspy"])
    assert "- dspy: step: no environment" in printed
    assert "- dspy: delta: keeps no memory of items" in printed


def test_a_part_that_does_not_run_is_a_figure_too() -> None:
    assert "no_such_part" in run(sys.executable, "no_such_part", 5)["failed"]


@pytest.mark.slow
@pytest.mark.skipif(not made("gepa"), reason="needs the environment that the bench makes for gepa")
def test_a_peer_adapts_to_a_task_with_the_same_model() -> None:
    found = quick("gepa", cache=CACHE)["gepa"]
    assert found["agent"]["versions"]["gepa"] == "0.1.4"
    # The seed prompt fails, a reflection, the new prompt succeeds; how often each is tried is gepa's affair.
    assert found["agent"]["update"]["calls"] >= 3
    assert found["installed_mb"] > 0


def test_the_lowest_time_and_the_highest_rate_count_and_a_failed_turn_is_shown() -> None:
    turns: list[dict[str, Any]] = [
        {"a": {"recall_8_ms": 2.0, "note": "x"}, "w_per_s": 3.0},
        {"a": {"recall_8_ms": 1.0, "note": "x"}},
    ]
    assert best(turns) == {"a": {"recall_8_ms": 1.0, "note": "x"}, "w_per_s": 3.0}
    assert best([*turns, {"failed": "no"}]) == {"failed": "no"}
    assert best([turns[0], {"a": {"failed": "once"}}])["a"] == {"failed": "once"}
    assert best([{"lost": 0}, {"lost": 7}]) == {"lost": 7}


def memory(**figures: float) -> dict[str, Any]:
    return {"memory": {"10": figures, "100": figures}}


FOUND: dict[str, Any] = {
    OURS: memory(delta_of_3_ms=0.5, recall_8_ms=0.2, open_and_recall_ms=400.0)
    | {"writing": {"processes": {"writes_per_s": 90.0, "lost": 0}}, "installed_mb": 400.0},
    "ace-framework": {"writing": {"processes": {"writes_per_s": 500.0, "lost": 3}}, "installed_mb": 440.0},
    "gepa": {"installed_mb": 20.0},
    "text": memory(delta_of_3_ms=20.0),
    "langgraph": memory(recall_8_ms=200.0, delta_of_3_ms=0.1),
    "numpy": memory(recall_8_ms=0.8),
    "chroma": memory(recall_8_ms=0.15),
}


def test_what_is_slower_than_we_hold_ourselves_to_is_named() -> None:
    compared = compare(FOUND, 10, 100)
    assert compared == {
        "delta_against_text": 40.0,
        "recall_against_langgraph": 1000.0,
        "recall_at_many_against_fastest_bare": 0.75,
        "open_and_recall_seconds": 0.4,
    }
    assert missed(compared) == []
    slow = {**FOUND, "text": memory(delta_of_3_ms=4.9), "langgraph": {"memory": {"10": {"failed": "no"}}}}
    assert compare(slow, 10, 100)["recall_against_langgraph"] is None
    assert missed(compare(slow, 10, 100)) == ["delta_against_text"]
    assert missed({**compared, "open_and_recall_seconds": 1.0}) == ["open_and_recall_seconds"]


def test_the_table_says_where_others_are_ahead_and_heeds_no_rate_at_which_writes_were_lost() -> None:
    printed = table(FOUND, [10, 100], [OURS, "ace-framework", "gepa"])
    lines = printed.splitlines()
    behind = [line for line in lines if line.startswith("behind")]
    assert len(behind) == 1 and behind[0].startswith("behind gepa in 'installed, MB': ")
    assert "nobody has looked" not in behind[0]
    recall = next(line for line in lines if line.startswith("recall of 8 at 10,"))
    assert recall.split()[-3:] == ["-", "0.15", "chroma"]
    assert "- ace-framework: recall: the whole skillbook is in every prompt" in lines


def test_every_row_that_can_be_lost_has_its_reason_ready() -> None:
    assert {row.part for row in rows([1])} <= set(WHY)


@pytest.mark.parametrize("encoded", [None, "base64"])
def test_the_stub_embeds_a_text_always_alike_with_length_one(encoded: str | None) -> None:
    (first, again), (other,) = (
        stub.embeddings({"input": texts, "encoding_format": encoded}) for texts in (["a b"] * 2, "b c"[:1])
    )
    assert first == again != other
    assert sum(part * part for part in stub.vector("open the fridge")) == pytest.approx(1)


def test_the_stub_fills_the_schema_that_it_is_asked_for() -> None:
    schema = {
        "$defs": {"Kind": {"enum": ["ADD", "SET"]}, "Edit": {"properties": {"kind": {"$ref": "#/$defs/Kind"}}}},
        "properties": {"edits": {"type": "array", "items": {"$ref": "#/$defs/Edit"}}, "n": {"type": "integer"}},
    }
    asked = {"messages": [], "response_format": {"json_schema": {"schema": schema}}}
    assert json.loads(stub.answer(asked)["content"]) == {"edits": [{"kind": "ADD"}], "n": 1}
    calls = [stub.answer({"messages": [], "tools": [{"function": {"name": name}}]}) for name in ("act", "act")]
    given, again = (call["tool_calls"][0] for call in calls)
    assert given["function"]["arguments"] == '{"command": "look"}' and given["id"] != again["id"]
