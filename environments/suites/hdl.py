"""The suite ``hdl``: design a module in Verilog from its description; a hidden simulation judges it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache

from knowhow.environments.calls import tool
from knowhow.environments.editing import EDIT, edit
from knowhow.environments.episode import Episode
from knowhow.environments.errors import UnknownName
from knowhow.environments.hardware.design import Design
from knowhow.environments.hardware.families import FAMILIES
from knowhow.environments.hardware.simulate import DESIGN, compiled, installed, is_right, simulated
from knowhow.environments.types import Environment, Feedback, Split, Suite, Task, ToolCall
from knowhow.environments.workspace import Ran, Tree, of_texts

COMPILE = tool("compile", f"Compile {DESIGN} by itself with Icarus Verilog.")
SIMULATE = tool("simulate", f"Simulate {DESIGN} with a test bench that you wrote.", testbench="Its file, such as tb.v.")
SUBMIT = tool("submit", f"Hand in {DESIGN} as it is. There is one try.")


class Hdl(Suite):
    """Modules of thirty-one kinds, most of them in four sizes, of which the last two belong to validation and test.

    The reward is 1 where the module's outputs are those of a right one, step by step, in a simulation that drives both
    with the same inputs. The seed of an episode changes nothing.

    Raises: asked for tasks, MissingExtra without Icarus Verilog or bubblewrap.
    """

    name = "hdl"
    description = "Design a module in Verilog from its description; a hidden simulation judges it (Icarus Verilog)."
    licence = "Apache-2.0 (Icarus Verilog itself is GPL-2.0)"
    source = "our own, after VeriAssist (arXiv 2406.00093)"
    max_steps = 20

    def tasks(self, split: Split) -> Sequence[Task]:
        installed()
        return tuple(
            Task(id, self.name, split, kind, f"Write the module {one.name} in {DESIGN}. {one.spec}\n{one.head}")
            for id, (kind, at, one) in _designs().items()
            if at == split
        )

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        installed()
        yield _Designing(_design(task))

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall]:
        return [
            ToolCall("edit", {"path": DESIGN, "text": _design(task).golden}),
            ToolCall("compile"),
            ToolCall("submit"),
        ]


class _Designing(Episode):
    def __init__(self, design: Design) -> None:
        super().__init__(EDIT, COMPILE, SIMULATE, SUBMIT)
        self._design = design
        self._tree: Tree = of_texts({DESIGN: design.empty})

    async def begin(self) -> Feedback:
        return Feedback(f"{DESIGN} holds:\n{self._design.empty}")

    async def answer(self, call: ToolCall) -> Feedback:
        if call.name == "edit":
            self._tree, told = edit(self._tree, call.arguments)
            return Feedback(told)
        if DESIGN not in self._tree:
            return Feedback(f"There is no file {DESIGN}.")
        if call.name == "submit":
            source = self._tree[DESIGN].data.decode("utf-8", "replace")
            return Feedback("Your design is handed in.", float(await is_right(self._design, source)), terminated=True)
        return self._ran(
            await compiled(self._tree)
            if call.name == "compile"
            else await simulated(self._tree, call.arguments["testbench"].strip())
        )

    def _ran(self, ran: Ran) -> Feedback:
        self._tree = ran.tree
        return Feedback(ran.told)


def _design(task: Task) -> Design:
    if task.id not in _designs():
        raise UnknownName(f"the suite hdl has no task {task.id!r}; take one from tasks({task.split!r})")
    return _designs()[task.id][2]


@cache
def _designs() -> Mapping[str, tuple[str, Split, Design]]:
    """Kind, split and module by the task's id; kinds take turns."""
    found = sorted(_all(), key=lambda one: one[0])
    return {id: (kind, split, design) for _, id, kind, split, design in found}


def _all() -> Iterator[tuple[int, str, str, Split, Design]]:
    for family, sizes in FAMILIES:
        for at, size in enumerate(sizes):
            split: Split = "test" if at == len(sizes) - 1 else "validation" if at == len(sizes) - 2 else "train"
            yield at, f"{family.__name__}-{at}", family.__name__, split, family(*size)
