"""A skill as data: a typed, documented Python function over an environment's tools (Voyager, arXiv 2305.16291).

It is read without running it: its signature and docstring are the only description that there is, and what the agent
sees of it as a tool.
"""

from __future__ import annotations

import ast
import inspect
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowhow.environments.calls import SKILL
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Tool
from knowhow.memory.skills.goals import parameters
from knowhow.memory.types import Item

LONGEST = 20_000
"""Characters of a skill's code."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,55}")
_GOAL_NAME = re.compile(r"[A-Za-z_]\w*")
_TYPES: Mapping[str, str] = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "list": "array"}


@dataclass(frozen=True, slots=True)
class Skill:
    """``goal`` is the wording of the tasks that it does, with its parameters in braces; ``code`` defines the function
    ``name``; ``tools`` are the environment's that it may call."""

    name: str
    goal: str
    code: str
    tools: tuple[Tool, ...] = ()

    @property
    def tool_name(self) -> str:
        return SKILL + self.name

    @property
    def tool(self) -> Tool:
        """What the agent may call; its description is the docstring."""
        function = _function(self)
        schema = {"type": "object", "properties": _schemas(function), "required": _required(function)}
        described = {"name": self.tool_name, "description": _doc(function), "parameters": schema}
        return {"type": "function", "function": described}

    @property
    def signature(self) -> str:
        function = _function(self)
        return f"{self.name}({ast.unparse(function.args)})"

    @property
    def text(self) -> str:
        """What an item says, and is found by."""
        return f"{self.signature}\n{_doc(_function(self))}"

    @property
    def data(self) -> dict[str, Any]:
        """What an item keeps, beside its tests, version and repairs."""
        return {
            "name": self.name,
            "goal": self.goal,
            "parameters": self.tool["function"]["parameters"],
            "code": self.code,
            "tools": list(self.tools),
        }


def skill_of(item: Item) -> Skill | None:
    """The skill that an item keeps; None where it keeps only instructions."""
    data = item.data
    return Skill(data["name"], data["goal"], data["code"], tuple(data["tools"])) if data.get("code") else None


def read_skill(raw: Mapping[str, Any], tools: Sequence[Tool]) -> Skill:
    """The skill that a model wrote as ``{"name": ..., "goal": ..., "code": ...}``, checked as far as reading goes.

    Raises: BadSetting, with what is wrong.
    """
    name, goal, code = (str(raw.get(key) or "").strip() for key in ("name", "goal", "code"))
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise BadSetting(f"{name[:80]!r} is no name of a skill; write small letters, digits and underscores")
    if len(code) > LONGEST:
        raise BadSetting(f"the code of {name} has {len(code)} characters, more than {LONGEST}; write less")
    skill = Skill(name, " ".join(goal.split()), code, tuple(tools))
    function = _function(skill)
    if not _doc(function):
        raise BadSetting(f"the function {name} has no docstring; say what it does")
    given = function.args
    if given.vararg or given.kwarg or given.posonlyargs:
        raise BadSetting(f"the function {name} must take its parameters by name")
    lacks = sorted({*_required(function)} ^ {*parameters(skill.goal)})
    if lacks or not all(map(_GOAL_NAME.fullmatch, parameters(skill.goal))):
        raise BadSetting(f"the goal {goal[:80]!r} and the function {name} do not name the same: {', '.join(lacks)}")
    return skill


def _function(skill: Skill) -> ast.FunctionDef:
    """The function's definition. Raises: BadSetting where the code cannot be read, or defines no such function."""
    try:
        tree = ast.parse(skill.code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadSetting(f"the code of {skill.name} cannot be read: {error}") from None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == skill.name:
            return node
    raise BadSetting(f"the code defines no function {skill.name}")


def _doc(function: ast.FunctionDef) -> str:
    return inspect.cleandoc(ast.get_docstring(function) or "").strip()


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    return [*function.args.args, *function.args.kwonlyargs]


def _required(function: ast.FunctionDef) -> list[str]:
    given = function.args
    plain = given.args[: len(given.args) - len(given.defaults)]
    named = [one for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
    return [one.arg for one in (*plain, *named)]


def _schemas(function: ast.FunctionDef) -> dict[str, Any]:
    return {one.arg: _schema(one.annotation) for one in _arguments(function)}


def _schema(annotation: ast.expr | None) -> dict[str, Any]:
    """The JSON schema of an annotation; any value where it is none of the plain ones."""
    written = ast.unparse(annotation).partition("[")[0] if annotation else ""
    return {"type": _TYPES[written]} if written in _TYPES else {}
