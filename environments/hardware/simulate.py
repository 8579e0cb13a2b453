"""Icarus Verilog behind the walls of the sandbox: compiling, simulating, and judging a design."""

from __future__ import annotations

import secrets
import shlex
import shutil

from knowhow.environments.errors import EngineFailed, MissingExtra
from knowhow.environments.hardware.bench import agrees, bench
from knowhow.environments.hardware.design import Design
from knowhow.environments.sandbox import Limits
from knowhow.environments.workspace import Ran, Tree, bash, needed, of_texts

DESIGN = "design.v"
LIMITS = Limits(seconds=120, cpu=2, memory_mb=1024, processes=8, output_kb=4096, disk_mb=8)
"""Of compiling a design and simulating it with the hidden bench, which takes some milliseconds. The processor's time
bounds a design that does not end; the clock is long, or a busy machine would decide what is right."""
COMPILE = "iverilog -g2012 -Wall -o /tmp/simulation"


def installed() -> None:
    """Raises: MissingExtra where there is no Icarus Verilog, or no sandbox."""
    if not all(map(shutil.which, ("iverilog", "vvp"))):
        raise MissingExtra("the suite hdl needs Icarus Verilog; on Debian: apt install iverilog")
    needed()


async def compiled(tree: Tree) -> Ran:
    """What the compiler says of the design by itself."""
    return await bash(tree, f"{COMPILE} {DESIGN} && echo It compiles.")


async def simulated(tree: Tree, testbench: str) -> Ran:
    """What the design does with a test bench of the tree."""
    return await bash(tree, f"{COMPILE} {DESIGN} {shlex.quote(f'./{testbench}')} && vvp -n /tmp/simulation")


async def is_right(design: Design, source: str) -> bool:
    """Do the outputs of a module agree with the right module's? Raises: EngineFailed where that gives none."""
    golden = await _trace(design, design.golden)
    if not golden:
        raise EngineFailed(f"the right module of {design.name} does not run here; is iverilog whole?")
    return agrees(golden, await _trace(design, source))


async def _trace(design: Design, source: str) -> str:
    """The outputs of a module in a simulation of its own. It knows neither the bench's name nor where it writes."""
    top, trace = f"bench_{secrets.token_hex(8)}", secrets.token_hex(8)
    tree = of_texts({DESIGN: source, "bench.v": bench(design, top, trace)})
    build = f"{COMPILE} -s {top} {DESIGN} bench.v && rm {DESIGN} bench.v && vvp -n /tmp/simulation"
    ran = await bash(tree, build, limits=LIMITS)
    written = ran.tree.get(trace)
    return written.data.decode("ascii", "replace") if written and not ran.why else ""
