"""The suite ``bash``: a goal over a folder of files, reached by commands, checked by what is there in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from random import Random

from knowhow.environments.calls import render_call, tool
from knowhow.environments.discover import at_least
from knowhow.environments.episode import Episode
from knowhow.environments.errors import EngineFailed, UnknownName
from knowhow.environments.lazy import Lazy
from knowhow.environments.shell.errands import KINDS, Errand
from knowhow.environments.shell.folder import Folder
from knowhow.environments.shell.offers import offered
from knowhow.environments.types import SPLITS, Environment, Feedback, Split, Suite, Task, ToolCall
from knowhow.environments.workspace import Tree, needed
from knowhow.environments.workspace import bash as run

EDITION = "bash-1"
"""Part of every random seed: another edition is another set of tasks."""
RUN_BASH = tool("run_bash", "Run a line of bash in the folder.", command="The command line.")
SUBMIT = tool("submit", "Say that it is done. Of a question, the answer is what your last command printed.")
RULES = "Leave everything else as it is. A question is answered by what the last command prints, and nothing else."


class Bash(Suite):
    """Twenty-eight kinds of task in turn, over folders drawn at random with fixed times and contents.

    ``size`` is how many tasks training has, and validation and test a quarter of it each. The test split has names of
    files and folders that no other one has. ``listed``: offer simple commands made of the goal's words and of what is
    there; they are not all that can be done, and models that can write bash do better without. The reward is 1 where
    files, links, folders and permissions are in the end what they are after a right command, and where, of a question,
    the last command printed the answer. The seed of an episode changes nothing.

    Raises: asked for tasks, MissingExtra without bubblewrap.
    """

    name = "bash"
    description = "Goals over a folder of files, reached by bash and checked by what is there in the end."
    licence = "Apache-2.0"
    source = "made on the spot, after InterCode (arXiv 2306.14898)"
    max_steps = 15

    def __init__(self, *, size: int = 560, listed: bool = True) -> None:
        at_least(len(KINDS) * 4, size=size)
        self._sizes: dict[Split, int] = {"train": size, "validation": size // 4, "test": size // 4}
        self._listed = listed

    def tasks(self, split: Split) -> Sequence[Task]:
        needed()
        return Lazy(self._sizes[split], partial(self._task, split))

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        errand, tree = self._drawn(task)
        yield _Shell(errand, tree, self._listed)

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall]:
        errand, _ = self._drawn(task)
        return [ToolCall("run_bash", {"command": errand.gold}), ToolCall("submit")]

    def _task(self, split: Split, index: int) -> Task:
        kind = KINDS[index % len(KINDS)].__name__
        return Task(f"{split}-{index}", self.name, split, kind, draw(split, index)[0].goal)

    def _drawn(self, task: Task) -> tuple[Errand, Tree]:
        split, _, index = task.id.partition("-")
        for known in SPLITS:
            if split == known and index.isdecimal() and int(index) < self._sizes[known]:
                return draw(known, int(index))
        raise UnknownName(f"bash has no task {task.id!r}; ids are a split and a number, as in 'train-0'")


@lru_cache(maxsize=4096)
def draw(split: Split, index: int) -> tuple[Errand, Tree]:
    """The errand of a task and its folder. Kinds take turns, so that any first tasks of a split are balanced."""
    folder = Folder(split, Random(f"{EDITION}/{split}-{index}"))
    errand = KINDS[index % len(KINDS)](folder)
    folder.clutter()
    return errand, folder.nodes


class _Shell(Episode):
    def __init__(self, errand: Errand, tree: Tree, listed: bool) -> None:
        super().__init__(RUN_BASH, SUBMIT)
        self._errand, self._before, self._tree, self._listed = errand, tree, tree, listed
        self._printed = ""

    async def begin(self) -> Feedback:
        there = "\n".join(path + "/" * (node.kind == "folder") for path, node in sorted(self._tree.items()))
        return Feedback(f"The folder holds:\n{there}\n\n{RULES}", commands=self._commands())

    async def answer(self, call: ToolCall) -> Feedback:
        if call.name == "submit":
            reward = float(await self._is_right())
            return Feedback("It is noted that you are done.", reward, terminated=True, commands=())
        ran = await run(self._tree, call.arguments["command"])
        self._tree, self._printed = ran.tree, ran.output
        return Feedback(ran.told, commands=self._commands())

    async def _is_right(self) -> bool:
        gold = await run(self._before, self._errand.gold)
        if gold.why or gold.status:
            raise EngineFailed(f"what solves the task does not run here: {gold.told}")
        answered = not self._errand.asks or self._printed.split() == gold.output.split()
        return answered and _state(self._tree) == _state(gold.tree)

    def _commands(self) -> tuple[str, ...] | None:
        if not self._listed:
            return None
        lines = offered(self._errand.goal, self._before, self._tree)
        calls = [ToolCall("run_bash", {"command": line}) for line in lines]
        return tuple(render_call(call, self._tools) for call in (*calls, ToolCall("submit")))


def _state(tree: Tree) -> object:
    """All that counts of a tree: when things were changed does not."""
    return {path: (node.kind, node.mode, node.data) for path, node in tree.items()}
