"""A test bench for any module, from its ports: it drives the inputs and writes down the outputs, and knows no answer.

What comes out is compared outside of the simulation with what a right module gave for the same inputs. So nothing that
a module prints, and no early end, passes for the right outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from knowhow.environments.hardware.design import Design, Port

STEPS = 400
EXHAUSTIVE = 8
"""Bits of input up to which a module without a clock is given every combination."""
STRETCH = 20
"""Steps in which a single bit is high about as often."""
Vector = tuple[int, ...]


def bench(design: Design, top: str, trace: str) -> str:
    """The module ``top``, which writes a line of outputs for each step to the file ``trace``."""
    signals = [f"  reg {_size(port)}{port.name};" for port in design.inputs]
    signals += [f"  wire {_size(port)}{port.name};" for port in design.outputs]
    ports = ", ".join(f".{port.name}({port.name})" for port in (*design.inputs, *design.outputs))
    wanted = ", ".join(port.name for port in design.outputs)
    form = " ".join("%b" for _ in design.outputs)
    write = f'$fdisplay(trace, "{form}", {wanted});'
    return "\n".join(
        [
            f"module {top};",
            *signals,
            "  integer trace;",
            f"  {design.name} dut ({ports});",
            "  initial begin",
            f'    trace = $fopen("{trace}");',
            *_steps(design, write),
            "    $fclose(trace);",
            "    $finish;",
            "  end",
            "endmodule",
        ]
    )


def agrees(golden: str, given: str) -> bool:
    """Are these the same outputs, but where the right module does not say (x) what comes?"""
    right, told = golden.splitlines(), given.splitlines()
    return len(right) == len(told) and all(map(_line_agrees, right, told))


def _line_agrees(right: str, told: str) -> bool:
    return len(right) == len(told) and all(a in ("x", b) for a, b in zip(right, told, strict=True))


def _steps(design: Design, write: str) -> Iterator[str]:
    driven = [port for port in design.inputs if port.name != "clk"]
    yield from ["    clk = 0;"] * design.clocked
    for number, vector in enumerate(vectors(design)):
        yield "    " + " ".join(f"{port.name} = {value};" for port, value in zip(driven, vector, strict=True))
        # Before the first edge nothing is known of a clocked module.
        yield f"    #4 {write if number or not design.clocked else ''}"
        yield "    #1 clk = 1; #5 clk = 0;" if design.clocked else "    #1 ;"


def vectors(design: Design) -> Sequence[Vector]:
    """What the inputs are, step by step; always the same for the same ports. A clocked module is reset at first."""
    driven = [port for port in design.inputs if port.name != "clk"]
    random = Random(f"{design.name}/{design.inputs}")
    bits = sum(port.width for port in driven)
    if not design.clocked and bits <= EXHAUSTIVE:
        return [_cut(number, driven) for number in range(1 << bits)]
    return [_vector(step, driven, random) for step in range(STEPS)]


def _vector(step: int, ports: Sequence[Port], random: Random) -> Vector:
    often = Random(step // STRETCH)
    vector = [_value(port, step, often.choice((0.1, 0.5, 0.5, 0.9)), random) for port in ports]
    if random.random() < 0.1:  # what is equal seldom comes by itself
        first = {port.width: value for port, value in reversed([*zip(ports, vector, strict=True)]) if port.width > 1}
        vector = [first.get(port.width, value) for port, value in zip(ports, vector, strict=True)]
    return tuple(vector)


def _value(port: Port, step: int, often: float, random: Random) -> int:
    if port.name == "reset":
        return int(step < 2 or random.random() < 0.01)
    if port.width == 1:
        return int(random.random() < often)
    edges = (0, (1 << port.width) - 1, 1, 1 << (port.width - 1))
    return random.choice(edges) if random.random() < 0.15 else random.randrange(1 << port.width)


def _cut(number: int, ports: Sequence[Port]) -> Vector:
    values = []
    for port in ports:
        values.append(number & ((1 << port.width) - 1))
        number >>= port.width
    return tuple(values)


def _size(port: Port) -> str:
    return f"[{port.width - 1}:0] " if port.width > 1 else ""
