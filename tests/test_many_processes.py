"""Processes that write to one memory at the same time, some of which are killed: a small run of the bench."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from processes import run

from knowhow.evals.benches.many_processes import SHARED, look, name_of
from knowhow.memory.fold import add
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Op

PROGRAM = """
import json
from pathlib import Path
from knowhow.evals.benches.many_processes import measure
print(json.dumps(measure(Path({folder!r}), processes=4, edits=160, kills=8, readers=2, seed=3)))
"""


def test_nothing_is_lost_doubled_or_unseen_though_writers_are_killed(tmp_path: Path) -> None:
    told: dict[str, Any] = json.loads(run(PROGRAM.format(folder=str(tmp_path / "memory"))))
    assert told["faults"] == []
    assert (told["batches"], told["kills"]) == (320, 8)


def test_what_was_acknowledged_and_is_not_there_would_be_noticed(tmp_path: Path) -> None:
    with Memory.open(tmp_path, create=True) as memory:
        memory.commit([add(Item(SHARED, "shared", ""))])
        for number in range(2):
            memory.commit([add(Item(name_of(0, number), "lesson", "")), Edit(Op.COUNT, SHARED, {"uses": 1})])
    assert look(tmp_path, [{0: 2, 1: 3}]) == []
    assert look(tmp_path, [{0: 2, 1: 3}, {0: 4}]) == ["version 4 should hold les1-000000"]
    assert look(tmp_path, [{0: 2}]) == ["version 3 was never acknowledged"]
    with Memory.open(tmp_path) as memory:
        memory.commit([Edit(Op.COUNT, SHARED, {"uses": 5})])
    assert "7 uses were counted in 3 batches" in look(tmp_path, [{0: 2, 1: 3}])
