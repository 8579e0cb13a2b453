"""Small real things for tests: tasks, trajectories, and deciders that say what a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage

from knowhow.agents.types import Decider, Turn
from knowhow.environments.types import Feedback, Split, Step, StopReason, Task, ToolCall, Trajectory

WON = Trajectory(
    id="won",
    task=Task("t1", "doors", "train", "door", "open door 1"),
    seed=1,
    first=Feedback("You stand before door 1.", commands=("take the red key", "look")),
    steps=(
        Step(
            ToolCall("act", {"command": "take the red key"}),
            Feedback("You hold it.", commands=("unlock the door", "look")),
        ),
        Step(ToolCall("act", {"command": "unlock the door"}), Feedback("It opens.", 1.0, terminated=True)),
    ),
    reward=1.0,
)
LOST = replace(WON, id="lost", steps=WON.steps[:1], reward=0.0, stop=StopReason.MAX_STEPS)


def trajectory(
    id: str, *, won: bool = True, split: Split = "train", shown: tuple[str, ...] = (), cited: tuple[str, ...] = ()
) -> Trajectory:
    """An episode at a door, named ``id``."""
    kind = WON if won else LOST
    return replace(kind, id=id, task=replace(kind.task, split=split), shown=shown, cited=cited)


def says(reflection: dict[str, Any] | str, curation: dict[str, Any] | str, asked: list[str] | None = None) -> Decider:
    """A model that gives these replies to the Reflector's and the Curator's prompts; ``asked`` collects the prompts."""
    replies = {"# Reflector": reflection, "# Curator": curation}

    async def decide(turn: Turn) -> AIMessage:
        prompt = turn.messages[0].text
        if asked is not None:
            asked.append(prompt)
        reply = next(said for heading, said in replies.items() if prompt.startswith(heading))
        return AIMessage(reply if isinstance(reply, str) else json.dumps(reply))

    return decide


def answers(reply: Callable[[Turn], AIMessage]) -> Decider:
    """A decider from a plain function."""

    async def decide(turn: Turn) -> AIMessage:
        return reply(turn)

    return decide
