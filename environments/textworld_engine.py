"""TextWorld in a process of its own: it makes games and plays them (see ``environments/worker.py``).

This file imports nothing of its own package: the process that loads it may not have it.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from typing import Any


class Engine:
    """One game."""

    def make(self, name: str, settings: Mapping[str, Any], split: str, seed: int, folder: str) -> bool:
        """Write ``game.z8`` and ``game.json`` of one of TextWorld's games into a folder.

        ``split`` is for games that have splits of their own. Raises: KeyError for an unknown game, ValueError for an
        unknown setting, and whatever the game's maker does.
        """
        import textworld
        from textworld.challenges import CHALLENGES

        _, make, add_arguments = CHALLENGES[name]
        known = _defaults(add_arguments)
        if unknown := settings.keys() - known.keys():
            raise ValueError(f"{name} has no setting {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}")
        options = textworld.GameOptions()
        options.seeds = seed
        options.path = os.path.join(folder, "game.z8")  # noqa: PTH118
        options.grammar.only_last_action = True  # else the first text of some games tells the whole way
        own_split = {"split": split} if "split" in known else {}
        textworld.generator.compile_game(make({**known, **own_split, **settings, "seed": seed}, options), options)
        return True

    def reset(self, path: str) -> dict[str, Any]:
        """Start a game: what is seen (``text``), this step's ``reward``, whether it is ``over``, the ``commands``."""
        import textworld

        wanted = textworld.EnvInfos(admissible_commands=True, score=True, max_score=True, won=True, objective=True)
        self._env = textworld.start(path, wanted)
        self._share = 0.0
        state = self._env.reset()
        first = state["feedback"].partition(state["objective"])[2]  # what stands before is the logo
        return self._seen(state, f"{state['objective']}\n\n{first}", over=False)

    def step(self, command: str) -> dict[str, Any]:
        state, _, over = self._env.step(command)
        return self._seen(state, state["feedback"], over=bool(over))

    def _seen(self, state: Mapping[str, Any], text: str, *, over: bool) -> dict[str, Any]:
        share = 1.0 if state["won"] else max(self._share, state["score"] / state["max_score"])
        reward, self._share = share - self._share, share
        commands = [] if over else sorted(set(state["admissible_commands"]))
        return {"text": _tidy(text), "reward": reward, "over": over, "commands": commands}


def prepare() -> None:
    """Load the engine once, before the processes that play are forked from this one. Raises: ImportError."""
    import textworld.challenges  # noqa: F401


def _defaults(add_arguments: Any) -> dict[str, Any]:
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    return {action.dest: action.default for action in parser._actions}


def _tidy(text: str) -> str:
    """Without the prompt and the status line, and without the score: that is the reward, which is told elsewhere."""
    text = re.sub(r"\n>\s*(-=.*)?$|\n\s*\*\*\* .* \*\*\*\n.*", "", text, flags=re.DOTALL)
    text = re.sub(r"^Your score has just gone .*$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip() or "Nothing happens."
