"""What the README tells a newcomer to do works as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from knowhow.memory.store import Memory

README = Path(__file__).parents[1] / "README.md"


def programs() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_an_agent_that_somebody_has_gets_a_memory_by_what_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_middleware import Scripted, ask, judge, open_door

    monkeypatch.chdir(tmp_path)
    (code,) = (code for code in programs() if "create_agent" in code)
    names: dict[str, Any] = {"model": Scripted(asked=[]), "tools": [open_door], "judge": judge}
    exec(code, names)
    assert ask(names["agent"]) == "I used the blue key."
    assert (tmp_path / "memory" / "journal.db").exists()


def test_a_graph_gets_a_store_by_what_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from langgraph.graph import START, MessagesState, StateGraph
    from langgraph.store.base import BaseStore

    def remember(state: MessagesState, *, store: BaseStore) -> None:
        store.put(("said",), "first", {"text": state["messages"][0].text})

    monkeypatch.chdir(tmp_path)
    (code,) = (code for code in programs() if "langgraph_store" in code)
    names: dict[str, Any] = {
        "builder": StateGraph(MessagesState).add_node("remember", remember).add_edge(START, "remember")
    }
    exec(code, names)
    names["graph"].invoke({"messages": [HumanMessage("hello")]})
    with Memory.open(tmp_path / "memory") as memory:
        assert [item.data["value"] for item in memory.items("store")] == [{"text": "hello"}]


def commands() -> list[str]:
    blocks = re.findall(r"```\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    lines = (line for block in blocks for line in block.splitlines())
    return [line for line in lines if line.startswith("knowhow ")]


@pytest.mark.parametrize("line", commands())
def test_every_command_line_is_one_that_the_program_takes(line: str) -> None:
    from typer.core import TyperGroup
    from typer.main import get_command

    from knowhow.evals.cli import app

    words = shlex.split(line, comments=True)[1:]
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    context = command.make_context("knowhow", words)
    while isinstance(command, TyperGroup):
        name, chosen, words = command.resolve_command(context, words)
        assert chosen is not None, name
        command, context = chosen, chosen.make_context(name, list(words), parent=context)
    assert context.params
