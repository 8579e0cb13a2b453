"""What the README tells a newcomer to do works as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from knowhow.environments.check import assert_conforms
from knowhow.environments.discover import find

README = Path(__file__).parents[1] / "README.md"


def test_the_suite_of_ones_own_is_under_30_lines_and_keeps_every_promise(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) < 30
    file = tmp_path / "doors.py"
    file.write_text(code)
    assert_conforms(find("knowhow.environments.suites", f"{file}:Doors")())


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
