"""The official games, as ``alfworld-download`` lays them out: ``json_*/<split>/<goal>/<trial>/game.tw-pddl``."""

from __future__ import annotations

import functools
import json
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from knowhow.environments.alfred.goals import UPSTREAM
from knowhow.environments.errors import UnknownName
from knowhow.environments.lazy import Lazy
from knowhow.environments.types import Split, Task

_FOLDERS: Mapping[Split, str] = {"train": "train", "validation": "valid_seen", "test": "valid_unseen"}
_KINDS = {upstream: kind for kind, upstream in UPSTREAM.items()}
_GAMES = "*/*/game.tw-pddl"
_GOAL = re.compile(r"Your task is to: (.*?)\.\"")


class Official:
    """The games under a folder: ``train`` for training, ``valid_seen`` for validation, ``valid_unseen`` for testing.

    Which games count is upstream's choice (``alfworld/agents/environment/alfred_tw_env.py`` at 0.4.2): the six kinds of
    task, solvable, nothing sliced, no movable receptacle. Their order is shuffled once and for all.
    """

    description = "ALFWorld engine, official games: six kinds of household task."

    def __init__(self, root: Path) -> None:
        self._root = root

    def tasks(self, split: Split) -> Sequence[Task]:
        files = _files(self._root, split)
        return Lazy(len(files), lambda index: self._task(split, files[index]))

    def game(self, task: Task) -> Mapping[str, Any]:
        """The game file's content."""
        path = self._root / task.id / "game.tw-pddl"
        if not path.is_file() or not path.resolve().is_relative_to(self._root.resolve()):
            raise UnknownName(f"{self._root} has no game {task.id!r}; take one of tasks({task.split!r})")
        game: Mapping[str, Any] = json.loads(path.read_text())
        return game

    def walkthrough(self, task: Task) -> list[str] | None:
        """The expert's commands, where the game file has them."""
        return self.game(task).get("walkthrough") or None

    def _task(self, split: Split, path: Path) -> Task:
        id = path.parent.relative_to(self._root).as_posix()
        found = _GOAL.search(json.loads(path.read_text())["grammar"])
        return Task(id, "alfworld", split, _kind(path), found[1] if found else "")


def official(folder: str) -> Official | None:
    """The official games in such a folder (ALFWORLD_DATA), where it has them for every split."""
    if not folder:
        return None
    for root in [*sorted(Path(folder).expanduser().glob("json_*")), Path(folder).expanduser()]:
        if all(next((root / split).glob(_GAMES), None) for split in _FOLDERS.values()):
            return Official(root)
    return None


@functools.cache
def _files(root: Path, split: Split) -> tuple[Path, ...]:
    found = [path for path in sorted((root / _FOLDERS[split]).glob(_GAMES)) if _counts(path)]
    random.Random("official").shuffle(found)
    return tuple(found)


def _counts(path: Path) -> bool:
    if not _kind(path) or "movable" in path.parent.parent.name or "Sliced" in path.parent.parent.name:
        return False
    return b'"solvable": true' in path.read_bytes()


def _kind(path: Path) -> str:
    """Our name of what a game's folder names: ``pick_heat_then_place_in_recep-Mug-None-Desk-7`` is "heat"."""
    return _KINDS.get(path.parent.parent.name.split("-")[0], "")
