"""The suite ``hdl``: right modules win, subtly wrong ones and tricks do not, and the agent can simulate."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from knowhow.environments.check import assert_conforms
from knowhow.environments.errors import MissingExtra, UnknownName
from knowhow.environments.hardware.bench import agrees, vectors
from knowhow.environments.hardware.design import Design
from knowhow.environments.hardware.families import FAMILIES
from knowhow.environments.hardware.simulate import is_right
from knowhow.environments.sandboxes.bubblewrap import Bubblewrap
from knowhow.environments.suites.hdl import Hdl
from knowhow.environments.types import SPLITS, Task, ToolCall

simulated = pytest.mark.skipif(
    bool(Bubblewrap().fails()) or not shutil.which("iverilog"), reason="needs Icarus Verilog and bubblewrap"
)
DESIGNS: dict[str, Design] = {family.__name__: family(*sizes[0]) for family, sizes in FAMILIES}


async def right_ones(pairs: list[tuple[str, str]]) -> list[str]:
    """The kinds whose source is right, four at a time."""
    gate = asyncio.Semaphore(4)

    async def one(kind: str, source: str) -> str:
        async with gate:
            return kind if await is_right(DESIGNS[kind], source) else ""

    return [kind for kind in await asyncio.gather(*(one(*pair) for pair in pairs)) if kind]


@simulated
def test_it_is_a_suite() -> None:
    assert_conforms(Hdl(), tasks_per_split=1, seeds=(0,))


@simulated
async def test_a_right_module_of_every_fifth_kind_wins() -> None:
    some = [(kind, design.golden) for kind, design in DESIGNS.items()][::5]
    assert await right_ones(some) == [kind for kind, _ in some]


WRONG = {
    "adder": ("a + b + carry_in", "a + b"),
    "add_or_subtract": ("result == 0", "a == b"),
    "comparator": ("$signed(a) < $signed(b)", "a < b"),
    "alu": ("default: y = a < b", "default: y = a <= b"),
    "counter": ("if (enable) ", ""),
    "modulo_counter": ("count == 9;", "count == 10;"),
    "up_down_counter": (" && !(&count)", ""),
    "shift_register": ("{q[2:0], in}", "{in, q[3:1]}"),
    "sequence_detector": ("seen <= now;", "seen <= now == 4'b1011 ? 0 : now;"),
    "edge_detector": ("in & ~old", "in"),
    "queue": ("push && !full", "push"),
    "stack": ("&& !pop && !full", "&& !full"),
    "register_file": ("read_a == 0 ? 0 : ", ""),
    "debouncer": ("if (&{seen, in})", "if (&seen)"),
    "vending_machine": ("now > 15", "now > 20"),
    "traffic_light": ("count == 11", "count == 12"),
    "ticker": ("enable && count == 3", "count == 3"),
    "saturating_adder": ("{4{1'b1}}", "{4{1'b0}}"),
}


@simulated
async def test_a_module_that_is_wrong_in_one_place_loses() -> None:
    changed = []
    for kind, (right, wrong) in WRONG.items():
        assert right in DESIGNS[kind].golden, kind
        changed.append((kind, DESIGNS[kind].golden.replace(right, wrong, 1)))
    assert await right_ones(changed) == []


HEAD = DESIGNS["adder"].head
TRICKS = {
    "empty": "",
    "no Verilog": "print('PASS')",
    "head alone": DESIGNS["adder"].empty,
    "another name": DESIGNS["adder"].golden.replace("module adder", "module subtractor"),
    "says so": HEAD + '  initial begin $display("PASS"); $display("all tests passed"); end\nendmodule\n',
    "ends at once": HEAD + "  initial $finish;\nendmodule\n",
    "ends late": HEAD + "  assign sum = 0;\n  initial #50 $finish;\nendmodule\n",
    "stops": HEAD + "  initial $stop;\nendmodule\n",
    "never settles": HEAD + "  reg r = 0;\n  always r = ~r;\n  assign sum = r;\nendmodule\n",
    "never begins": HEAD + "  initial forever #0;\nendmodule\n",
    "unknown": HEAD + "  assign sum = 5'bx;\nendmodule\n",
    "unconnected": HEAD + "  assign sum = 5'bz;\nendmodule\n",
    "all traces": HEAD + "  integer n, m;\n  initial for (n = 3; n < 9; n = n + 1) begin m = 32'h80000000 + n;\n"
    '    $fdisplay(m, "00000"); end\n  assign sum = 0;\nendmodule\n',
    "endless output": HEAD + '  initial forever $display("0");\nendmodule\n',
    "reads a file": '`include "/etc/passwd"\n' + HEAD + "endmodule\n",
    "reads the bench": '`include "bench.v"\n' + HEAD + "endmodule\n",
    "delays": HEAD + "  reg [4:0] s;\n  always @* s = #7 a + b + carry_in;\n  assign sum = s;\nendmodule\n",
}


@simulated
@pytest.mark.parametrize("trick", TRICKS)
async def test_no_trick_wins(trick: str) -> None:
    assert not await is_right(DESIGNS["adder"], TRICKS[trick])


@simulated
async def test_another_way_to_write_it_wins_whatever_it_prints() -> None:
    noisy = HEAD + '  assign sum = {1\'b0, b} + carry_in + a;\n  always @* $display("%d", sum);\nendmodule\n'
    assert await is_right(DESIGNS["adder"], noisy)
    parts = "module half(input a, b, output s); assign s = a ^ b; endmodule\n"
    assert await is_right(DESIGNS["parity"], parts + DESIGNS["parity"].golden)


BENCH = """
module tb;
  reg [3:0] a = 9, b = 8; reg carry_in = 1; wire [4:0] sum;
  adder dut (.a(a), .b(b), .carry_in(carry_in), .sum(sum));
  initial begin #1 $display("sum=%0d", sum); $finish; end
endmodule
"""


@simulated
async def test_the_agent_compiles_and_simulates_with_a_bench_of_its_own() -> None:
    suite = Hdl()
    task = next(task for task in suite.tasks("train") if task.kind == "adder")

    async def call(name: str, **arguments: str) -> str:
        return (await env.step(ToolCall(name, arguments))).observation

    async with suite.open(task, seed=0) as env:
        assert "output logic [4:0] sum" in (await env.reset()).observation
        await call("edit", path="design.v", text=HEAD + "  assign sum = a + ;\nendmodule\n")
        assert "design.v:7: syntax error" in await call("compile")
        await call("edit", path="design.v", passage="a + ;", text="a + b + carry_in;")
        assert await call("compile") == "It compiles."
        await call("edit", path="tb/tb.v", text=BENCH)
        assert await call("simulate", testbench="tb/tb.v") == "sum=18"
        assert "echo $(id): No such file" in await call("simulate", testbench="x.v; echo $(id)")
        last = await env.step(ToolCall("submit"))
        assert (last.reward, last.terminated, last.observation) == (1.0, True, "Your design is handed in.")


def test_the_inputs_reach_every_corner_and_are_the_same_every_time() -> None:
    assert len(set(vectors(DESIGNS["parity"]))) == 16
    steps = vectors(DESIGNS["queue"])
    assert steps == vectors(DESIGNS["queue"]) and steps[0][0] == steps[1][0] == 1
    assert any(a == b for a, b, _ in vectors(DESIGNS["add_or_subtract"]))


def test_outputs_agree_step_by_step_but_where_the_right_one_says_nothing() -> None:
    assert agrees("01 x\n10 1\n", "01 0\n10 1\n") and not agrees("01 1\n", "01 x\n")
    assert not agrees("01\n10\n", "01\n") and not agrees("01\n", "01\n10\n") and not agrees("01\n", "011\n")


def test_sizes_belong_to_one_split_and_no_goal_or_head_tells_the_body() -> None:
    goals = [task.goal for split in SPLITS for task in (Hdl().tasks(split) if shutil.which("iverilog") else ())]
    assert len(set(goals)) == len(goals)
    assert len(FAMILIES) >= 15 and all(len(sizes) >= 3 for _, sizes in FAMILIES)
    assert all(design.body not in design.spec + design.empty for design in DESIGNS.values())


def test_without_icarus_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingExtra, match="needs Icarus Verilog; on Debian: apt install iverilog"):
        Hdl().tasks("train")
    with pytest.raises(UnknownName, match="the suite hdl has no task 'adder-9'"):
        Hdl().oracle(Task("adder-9", "hdl", "train", "", ""), seed=0)
