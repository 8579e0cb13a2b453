"""A complete strategy as data: prompt, sampling, tools, a chain of methods (EGuR, arXiv 2511.11519).

A model writes strategies, and memories travel, so that nothing in one is taken on trust: a chain may name this
installation's own methods alone, within a bound of calls, and is tried out before it is kept.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage

from knowhow.agents.compose import METHODS, methods
from knowhow.agents.types import Decider, Manner, Turn
from knowhow.environments.calls import SKILL, tool, tool_name
from knowhow.environments.discover import find, names, parse, split_list
from knowhow.environments.errors import BadSetting, BudgetExceeded, KnowhowError
from knowhow.environments.types import Tool
from knowhow.memory.types import Item

MOST_CALLS = 12
"""Calls of the model that a chain of methods may take for one decision."""
LONGEST = 8000
"""Characters of a prompt as it is shown; lines beyond are cut off."""
MARK = 15
"""Characters before each line: the strategy's id."""
HOTTEST = 2.0


@dataclass(frozen=True, slots=True)
class Strategy:
    """``purpose`` says what it is for, ``prompt`` is lines for the agent. ``temperature`` in [0, 2] or None: the
    model's own; ``tools``: names that may be called, empty for all; ``method``: a chain as ``--method`` takes it,
    without searches."""

    purpose: str
    prompt: tuple[str, ...]
    temperature: float | None = None
    tools: tuple[str, ...] = ()
    method: str = ""

    @property
    def text(self) -> str:
        return "\n".join((self.purpose, *self.prompt))

    @property
    def settings(self) -> dict[str, Any]:
        """What goes into an item's data."""
        return {"temperature": self.temperature, "tools": list(self.tools), "method": self.method}


def read_strategy(raw: Mapping[str, object]) -> Strategy | None:
    """The strategy that a model proposes, or None where it is none that can be followed."""
    prompt = raw.get("prompt")
    lines = prompt.splitlines() if isinstance(prompt, str) else prompt if isinstance(prompt, list) else []
    made = (" ".join(str(raw.get("for") or "").split()), [str(line) for line in lines])
    return _strategy(*made, raw)


def strategy_of(item: Item) -> Strategy | None:
    """The strategy that an item holds, or None where it cannot be followed here: another installation made it, say."""
    purpose, *lines = item.text.splitlines() or [""]
    return _strategy(purpose, lines, item.data)


async def affordable(strategy: Strategy) -> bool:
    """Whether its chain of methods, played on a model that costs nothing, comes to a reply within ``MOST_CALLS``."""
    calls = 0

    async def stub(turn: Turn) -> AIMessage:
        nonlocal calls
        calls += 1
        if calls > MOST_CALLS or not _is_temperature(turn.temperature):
            raise BudgetExceeded(f"more than {MOST_CALLS} calls, or no temperature: {turn.temperature!r}")
        made = {"name": "act", "args": {"command": "look"}, "id": f"call-{calls}"}
        return AIMessage("Something else would do.", tool_calls=[made] if turn.tools else [])

    turn = Turn((HumanMessage("Try it."),), (tool("act", "Do something.", command="The command."),))
    try:
        reply = await manner_of(strategy)(stub)(turn)
    except Exception:  # whatever a method raises here, it would raise in an episode
        return False
    return bool(reply.tool_calls)


def manner_of(strategy: Strategy) -> Manner:
    """Its sampling, tools and methods as a way of deciding.

    A temperature that a method asks for stands. Where no allowed tool is on offer, all are; skills always are.
    """

    def manner(decide: Decider) -> Decider:
        async def tuned(turn: Turn) -> AIMessage:
            temperature = strategy.temperature if turn.temperature is None else turn.temperature
            return await decide(replace(turn, temperature=temperature, tools=_allowed(strategy, turn.tools)))

        return methods(tuned, strategy.method)

    return manner


def _allowed(strategy: Strategy, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
    own = tuple(tool for tool in tools if tool_name(tool) in strategy.tools)
    skills = tuple(tool for tool in tools if tool_name(tool).startswith(SKILL) and tool not in own)
    return own + skills if own else tools


def known_methods() -> list[str]:
    """Every method with its settings, as a strategy may name it."""
    told = []
    for name in names(METHODS):
        settings = list(inspect.signature(find(METHODS, name)).parameters.values())[1:]
        told.append(f"{name}({', '.join(f'{one.name}={one.default!r}' for one in settings)})")
    return told


def _strategy(purpose: str, lines: Sequence[str], raw: Mapping[str, object]) -> Strategy | None:
    prompt, room = list[str](), LONGEST - len(purpose)
    for line in (" ".join(line.split()) for line in lines):
        room -= len(line) + MARK
        if line and room >= 0:
            prompt.append(line)
    temperature, tools, method = raw.get("temperature"), raw.get("tools") or [], raw.get("method") or ""
    fits = (
        _is_temperature(temperature)
        and isinstance(tools, list | tuple)
        and all(isinstance(name, str) for name in tools)
        and isinstance(method, str)
        and _can_be_built(method)
    )
    if not (purpose and prompt and fits):
        return None
    return Strategy(purpose, tuple(prompt), temperature, tuple(tools), method)  # type: ignore[arg-type]


def _is_temperature(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= HOTTEST)


@lru_cache(maxsize=1024)
def _can_be_built(method: str) -> bool:
    """Own methods only, no file or module that a model names, and no setting of more calls than are allowed."""
    try:
        parts = [parse(part) for part in split_list(method)]
        if any(name not in names(METHODS) for name, _ in parts):
            return False
        if any(isinstance(value, int) and value > MOST_CALLS for _, settings in parts for value in settings.values()):
            return False
        methods(_nobody, method)
    except (KnowhowError, TypeError, ValueError):
        return False
    return True


async def _nobody(turn: Turn) -> AIMessage:
    raise BadSetting("a chain of methods is built without asking anybody")
