"""Text worlds: a suite of one's own, many steps an episode, as plain synchronous Python.

A ``TextWorld`` is the state of one episode, a ``TextSuite`` lists the tasks and builds the world of each::

    class Door(TextWorld):
        def __init__(self, number: str, key: str) -> None:
            self.number, self.key, self.held = number, key, ""

        def begin(self) -> str:
            return f"You stand before {self.number}. It is locked. On the wall hang a red key and a green key."

        def commands(self) -> list[str]:
            return ["take the red key", "take the green key"] + ["unlock the door"] * bool(self.held)

        def do(self, command: str) -> tuple[str, float, bool]:
            if command == "unlock the door":
                return ("It opens.", 1.0, True) if self.held == self.key else ("The key does not fit.", 0.0, False)
            self.held = command.split()[2]
            return f"You hold the {self.held} key.", 0.0, False

    class Doors(TextSuite):
        name, description = "doors", "One of two keys opens the door."

        def tasks(self, split: Split) -> Sequence[Task]:
            doors = range(SPLITS.index(split), 300, len(SPLITS))
            return [Task(f"door {n}", self.name, split, "door", f"open door {n}") for n in doors]

        def world(self, task: Task, *, seed: int) -> Door:
            return Door(task.id, Random(task.id).choice(["red", "green"]))
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from knowhow.environments.calls import command_argument, tool
from knowhow.environments.episode import Episode
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Environment, Feedback, Suite, Task, Tool, ToolCall

ACT = tool("act", "Do one thing in the world.", command="The command, word for word as the world offers it.")


class TextWorld(ABC):
    """The state of one episode. ``refusal`` is the answer to a command that is not possible; it changes nothing."""

    refusal: str = "Nothing happens."
    _offered: tuple[str, ...] | None = None

    @abstractmethod
    def begin(self) -> str:
        """The first observation."""

    @abstractmethod
    def commands(self) -> Sequence[str] | None:
        """Every command that is possible now; None where any text may be tried, and ``do`` judges it."""

    @abstractmethod
    def do(self, command: str) -> tuple[str, float, bool]:
        """Carry out a possible command: the observation, the reward that it earned, and whether the task is over."""

    def accepts(self, command: str) -> bool:
        """Does a command reach ``do``? Only the offered ones, unless a world says otherwise."""
        return self._offered is None or command in self._offered

    def reset(self) -> Feedback:
        """Begin the episode."""
        observation = self.begin()
        self._offered = self._offer()
        return Feedback(observation, commands=self._offered)

    def step(self, command: str) -> Feedback:
        """Answer one command; the blanks around it do not count."""
        command = command.strip()
        if not self.accepts(command):
            return Feedback(self.refusal, commands=self._offered)
        observation, reward, done = self.do(command)
        self._offered = () if done else self._offer()
        return Feedback(observation, reward, terminated=done, commands=self._offered)

    def _offer(self) -> tuple[str, ...] | None:
        commands = self.commands()
        return None if commands is None else tuple(commands)


class TextEnvironment(Episode):
    """One episode of a text world behind one tool of one string argument."""

    def __init__(self, world: TextWorld, tool: Tool = ACT) -> None:
        super().__init__(tool)
        self._world = world
        self._argument = _argument(tool)

    async def begin(self) -> Feedback:
        return self._world.reset()

    async def answer(self, call: ToolCall) -> Feedback:
        return self._world.step(call.arguments[self._argument])


class TextSuite(Suite):
    """A suite of text worlds: subclass it with ``tasks`` and ``world``. ``tool`` is what takes the command."""

    tool: Tool = ACT

    @abstractmethod
    def world(self, task: Task, *, seed: int) -> TextWorld:
        """The world of a task, before it begins; the same task and seed always give the same one."""

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        yield TextEnvironment(self.world(task, seed=seed), self.tool)


def _argument(tool: Tool) -> str:
    bare = command_argument([tool])
    if bare is None:
        raise BadSetting(f"the tool {tool!r} of a text world must have one argument, a string")
    return bare[1]
