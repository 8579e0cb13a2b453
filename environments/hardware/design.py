"""A module to design: its ports, what it has to do, and a body that does it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Port:
    name: str
    width: int

    def declared(self, way: str) -> str:
        size = f"[{self.width - 1}:0] " if self.width > 1 else ""
        return f"    {way} logic {size}{self.name}"


@dataclass(frozen=True, slots=True)
class Design:
    """``body`` is right, and stays inside the suite. A module with the input ``clk`` is clocked: it changes at the
    rising edge of ``clk`` alone, and ``reset``, where it has that, is looked at then."""

    name: str
    spec: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    body: str

    @property
    def clocked(self) -> bool:
        return self.inputs[0].name == "clk"

    @property
    def head(self) -> str:
        ports = [port.declared("input") for port in self.inputs] + [port.declared("output") for port in self.outputs]
        return f"module {self.name} (\n" + ",\n".join(ports) + "\n);\n"

    @property
    def empty(self) -> str:
        return f"{self.head}\nendmodule\n"

    @property
    def golden(self) -> str:
        return f"{self.head}{self.body}\nendmodule\n"


def design(name: str, spec: str, inputs: str, outputs: str, body: str) -> Design:
    """Ports are written as ``clk reset data:8``, each with its width unless that is 1."""
    return Design(name, " ".join(spec.split()), _ports(inputs), _ports(outputs), body)


def _ports(text: str) -> tuple[Port, ...]:
    pairs = (one.partition(":") for one in text.split())
    return tuple(Port(name, int(width or 1)) for name, _, width in pairs)
