"""ScienceWorld's engine, a Java program, behind a process of its own (see ``environments/worker.py``).

It plays one episode after the other; the Java program ends with the process, however that ends.

This file imports nothing of its own package: the process that loads it may not have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STEPS = 100_000
"""The engine's own limit of steps; ours is the suite's."""

REFUSED = "reset task"


class Engine:
    """One Java program."""

    def __init__(self) -> None:
        from scienceworld import ScienceWorldEnv

        self._env = ScienceWorldEnv("", envStepLimit=STEPS)
        self._env._obj_tree_tempdir.cleanup()  # for drawings that we never ask for; nobody else would clean up

    def reset(self, game: Mapping[str, Any]) -> dict[str, Any]:
        """Begin ``task``, ``variation``, ``simplification``: what is seen (``text``), the ``reward`` of this step,
        whether it is ``over``, the ``commands``."""
        self._env.load(game["task"], game["variation"], game["simplification"])
        seen, info = self._env.reset()
        self._first, self._share = info["score"], 0.0
        forms = ", ".join(form for form in self._env.get_possible_actions() if form != REFUSED)
        text = f"{info['taskDesc']}\n\n{seen}\n{info['inv']}\nThe forms of commands, with a thing for OBJ: {forms}."
        return self._seen(text, info, over=False)

    def step(self, command: str) -> dict[str, Any]:
        if command.strip().casefold() == REFUSED:
            return {**self._last, "text": "There is no way back to the start.", "reward": 0.0}
        seen, _, over, info = self._env.step(command)
        return self._seen(seen, info, over=bool(over))

    def gold(self, game: Mapping[str, Any]) -> list[str]:
        """Commands that solve the task."""
        self._env.load(game["task"], game["variation"], game["simplification"], generateGoldPath=True)
        return list(self._env.get_gold_action_sequence())

    def _seen(self, text: str, info: Mapping[str, Any], *, over: bool) -> dict[str, Any]:
        """The reward is what the score rose by, as a share of what it could rise by at the start; a failure, whose
        score is below zero, takes back all."""
        share = max(0.0, (info["score"] - self._first) / (100 - self._first))
        reward, self._share = share - self._share, share
        commands = [] if over else [command for command in dict.fromkeys(info["valid"]) if command != REFUSED]
        self._last = {"text": text.strip() or "Nothing happens.", "reward": reward, "over": over, "commands": commands}
        return self._last


def prepare() -> None:
    """Load the client once, before the processes that play are forked from this one. Raises: ImportError."""
    import scienceworld  # noqa: F401
