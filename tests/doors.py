"""A small world for tests, and models that are plain functions, metered like any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from langchain_core.messages import AIMessage

from knowhow.agents.metering import Meter
from knowhow.agents.types import Decider, Turn
from knowhow.environments.text_world import TextSuite, TextWorld
from knowhow.environments.types import SPLITS, Split, Task, Usage

A_CALL = Usage(prompt_tokens=10, completion_tokens=2)


class Door(TextWorld):
    """Locked; one of two keys fits."""

    def __init__(self, key: str) -> None:
        self.key, self.held = key, ""

    def begin(self) -> str:
        return "You stand before a door. On the wall hang a red key and a green key."

    def commands(self) -> list[str]:
        return ["take the red key", "take the green key", "wait"] + ["unlock the door"] * bool(self.held)

    def do(self, command: str) -> tuple[str, float, bool]:
        if command == "unlock the door":
            return ("It opens.", 1.0, True) if self.held == self.key else ("The key breaks.", 0.0, True)
        if command == "wait":
            return "Time passes.", 0.0, False
        self.held = command.split()[2]
        return f"You hold the {self.held} key.", 0.0, False


class Doors(TextSuite):
    """The key that fits is decided by the episode's seed: red where it is even."""

    name, description = "doors", "One of two keys opens the door."
    max_steps = 5

    def tasks(self, split: Split) -> Sequence[Task]:
        numbers = range(SPLITS.index(split), 60, len(SPLITS))
        return [Task(f"door {number}", self.name, split, "door", f"open door {number}") for number in numbers]

    def world(self, task: Task, *, seed: int) -> TextWorld:
        return Door(Random(seed).choice(["red", "green"]) if seed > 1 else ["red", "green"][seed])


class OpenDoors(Doors):
    """The same; the agent may see its reward."""

    reward_visible = True


TASK = Doors().tasks("train")[0]


def call(command: str, say: str = "", name: str = "act", id: str = "c1") -> AIMessage:
    return AIMessage(say, tool_calls=[{"name": name, "args": {"command": command}, "id": id}])


def metered(meter: Meter, reply: Callable[[Turn], AIMessage]) -> Decider:
    """A model that is a function; each call counts as ``A_CALL``."""

    async def decide(turn: Turn) -> AIMessage:
        with meter.reserve() as request:
            made = reply(turn)
            request.answered(A_CALL)
        return made

    return decide


def script(*replies: AIMessage) -> Callable[[Turn], AIMessage]:
    """These replies, one after the other; the last one for ever."""
    left = list(replies)
    return lambda turn: left.pop(0) if len(left) > 1 else left[0]


def red_key(turn: Turn) -> AIMessage:
    """Takes the red key and tries it."""
    return call("unlock the door" if "You hold" in turn.messages[-1].text else "take the red key")
