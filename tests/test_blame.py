"""What fails in a user's own code is told with its place."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from knowhow.environments.blame import blamed
from knowhow.environments.errors import BadSetting
from knowhow.evals.stage import open_suite
from knowhow.evals.tasks import draw

SUITE = """
from knowhow.environments.types import Suite
class Mine(Suite):
    name = "mine"
    def tasks(self, split):
        {body}
    def open(self, task, *, seed): ...
"""


def test_the_place_is_the_users_own_line_and_not_the_librarys() -> None:
    with pytest.raises(ValueError) as found:
        json.loads("{")
    assert "test_blame.py:" in blamed(found.value) and blamed(found.value).startswith("JSONDecodeError: Expecting")
    assert blamed(ValueError("never\nraised")) == "ValueError: never raised"


def test_what_only_libraries_did_is_told_by_the_innermost_line() -> None:
    async def fail() -> None:
        await asyncio.wait_for(asyncio.sleep(1), 0.001)

    with pytest.raises(TimeoutError) as found:
        asyncio.run(fail())
    error = found.value.with_traceback(found.value.__traceback__)
    assert "test_blame.py:" in blamed(error)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("return None", r"tasks\('train'\) of the suite mine gives a NoneType, and no sequence of tasks"),
        ("return {}[split]", r"the suite mine fails in tasks\('train'\): KeyError: 'train' \(mine.py:6\)"),
    ],
)
def test_a_suite_that_has_no_tasks_to_give_is_told(body: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SUITE.format(body=body))
    made = open_suite(f"{tmp_path / 'mine.py'}:Mine")
    with pytest.raises(BadSetting, match=complaint):
        draw(made, "train", 1, 0)
