"""The suite ``code``: write a Python function against visible examples; hidden tests judge it."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from knowhow.environments import samples
from knowhow.environments.calls import tool
from knowhow.environments.coding.judge import passes
from knowhow.environments.coding.problem import Problem, read_problem
from knowhow.environments.editing import EDIT, edit
from knowhow.environments.episode import Episode
from knowhow.environments.errors import BadSetting, UnknownName
from knowhow.environments.records import read_rows
from knowhow.environments.shares import split_of
from knowhow.environments.types import Environment, Feedback, Split, Suite, Task, ToolCall
from knowhow.environments.workspace import Tree, bash, needed, of_texts, python

RUN_PYTHON = tool("run_python", "Run Python code in the working folder; it may import solution.", code="The code.")
RUN_BASH = tool("run_bash", "Run a line of bash in the working folder.", command="The command line.")
SUBMIT = tool("submit", "Hand in solution.py as it is. There is one try.")
SOLUTION = "solution.py"


class Code(Suite):
    """Problems with a working folder each, whose ``solution.py`` is judged when it is handed in.

    ``tasks``: a file of problems in HumanEval's field names or in MBPP's (``coding/problem.py``), ``.jsonl``, ``.json``
    or either with ``.gz``; by default our own. Each problem is in one split alone, by a share that depends on ``seed``
    and its text. Of MBPP's assertions the agent sees the first. The reward is 1 where every hidden test passes.

    Raises: BadSetting, asked for tasks, for a file with a row that is no problem; MissingExtra without bubblewrap.
    """

    name = "code"
    description = "Write a Python function against visible examples; hidden tests judge it."
    licence = "Apache-2.0 (our own problems; other files have their own)"
    source = "our own; formats after HumanEval (arXiv 2107.03374) and MBPP (arXiv 2108.07732)"
    max_steps = 20

    def __init__(self, tasks: str = "", *, seed: int = 0) -> None:
        self._file = tasks or str(Path(samples.__path__[0]) / "problems.jsonl")
        self._seed = seed

    def tasks(self, split: Split) -> Sequence[Task]:
        needed()
        return tuple(
            Task(problem.id, self.name, split, problem.kind, problem.goal)
            for problem in self._problems.values()
            if split_of(problem.goal, self._seed) == split
        )

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        yield _Coding(self._problem(task))

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall]:
        solution = self._problem(task).solution
        return [ToolCall("edit", {"path": SOLUTION, "text": solution}), ToolCall("submit")]

    def _problem(self, task: Task) -> Problem:
        if task.id not in self._problems:
            raise UnknownName(f"the suite {self.name} has no task {task.id!r}; take one from tasks({task.split!r})")
        return self._problems[task.id]

    @functools.cached_property
    def _problems(self) -> Mapping[str, Problem]:
        found: dict[str, Problem] = {}
        for number, row in read_rows(self._file):
            try:
                problem = read_problem(row)
            except BadSetting as error:
                raise BadSetting(f"{self._file} line {number}: {error}") from None
            if problem.id in found:
                raise BadSetting(f"{self._file} line {number}: the task_id {problem.id!r} was there before")
            found[problem.id] = problem
        return found


class _Coding(Episode):
    def __init__(self, problem: Problem) -> None:
        super().__init__(RUN_PYTHON, RUN_BASH, EDIT, SUBMIT)
        self._problem = problem
        self._tree: Tree = of_texts({SOLUTION: problem.start})

    async def begin(self) -> Feedback:
        return Feedback(f"The working folder holds {SOLUTION}:\n{self._problem.start or '(empty)'}")

    async def answer(self, call: ToolCall) -> Feedback:
        if call.name == "submit":
            return await self._submitted()
        if call.name == "edit":
            self._tree, told = edit(self._tree, call.arguments)
            return Feedback(told)
        ran = await (
            bash(self._tree, call.arguments["command"])
            if call.name == "run_bash"
            else python(self._tree, call.arguments["code"])
        )
        self._tree = ran.tree
        return Feedback(ran.told)

    async def _submitted(self) -> Feedback:
        node = self._tree.get(SOLUTION)
        if node is None or node.kind != "file":
            return Feedback(f"There is no file {SOLUTION} to hand in.")
        passed = await passes(self._problem, node.data.decode("utf-8", "replace"))
        return Feedback("Your solution is handed in.", float(passed), terminated=True)
