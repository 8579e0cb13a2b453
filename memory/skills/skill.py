"""A skill as data: a typed, documented Python function over an environment's tools (Voyager, arXiv 2305.16291).

It is read without running it: its signature and docstring are the only description that there is, and what the agent
sees of it as a tool.
"""

from __future__ import annotations

import ast
import inspect
import json
import keyword
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from knowhow.agents.goals import parameters, refuse_unreadable
from knowhow.environments.calls import SKILL, tool_name
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Tool
from knowhow.memory.types import Item

KIND = "skills"
LONGEST = 20_000
"""Characters of a skill's code."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,55}")
_TOOL_NAME = re.compile(r"[\w-]{1,64}", re.ASCII)
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
    """The skill that an item keeps; None where it keeps only instructions, or code that can be no skill."""
    try:
        return _kept(item)
    except BadSetting:
        return None


def refuse_broken(item: Item) -> None:
    """Raises: BadSetting, with the item's name, where what it keeps as a skill can be none."""
    try:
        if item.kind == KIND:
            _kept(item)
    except BadSetting as error:
        name = str(item.data.get("name") or item.id)[:80]
        raise BadSetting(f"the skill {name!r} cannot be used: {error}") from None


def _kept(item: Item) -> Skill | None:
    """Raises: BadSetting."""
    data = item.data
    return read_skill(data, read_tools(data.get("tools"))) if data.get("code") else None


def read_tools(listed: object) -> tuple[Tool, ...]:
    """An environment's tools in the OpenAI function format, as far as their form goes. Raises: BadSetting."""
    if not isinstance(listed, list | tuple):
        raise BadSetting(f"its tools are {str(listed)[:80]!r}, which is no list")
    for tool in listed:
        if not _is_tool(tool):
            raise BadSetting(f"{str(tool)[:80]!r} is no tool with a name and a schema of its parameters")
    return tuple(listed)


def _is_tool(tool: object) -> bool:
    try:
        schema = tool["function"].get("parameters", {})  # type: ignore[index]
        properties, required = schema.get("properties", {}), schema.get("required", [])
        named = _TOOL_NAME.fullmatch(tool_name(tool))  # type: ignore[arg-type]
        return (
            bool(named)
            and all(isinstance(one, Mapping) for one in properties.values())
            and {*required} <= {*properties}
        )
    except (AttributeError, KeyError, TypeError):
        return False


def read_skill(raw: Mapping[str, Any], tools: Sequence[Tool]) -> Skill:
    """The skill that a model wrote as ``{"name": ..., "goal": ..., "code": ...}``, checked as far as reading goes.

    Raises: BadSetting, with what is wrong.
    """
    name, goal, code = (str(raw.get(key) or "").strip() for key in ("name", "goal", "code"))
    _check(name, goal, code)
    return Skill(name, " ".join(goal.split()), code, tuple(tools))


@lru_cache(maxsize=1024)
def _check(name: str, goal: str, code: str) -> None:
    """Raises: BadSetting, with what is wrong."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise BadSetting(f"{name[:80]!r} is no name of a skill; write small letters, digits and underscores")
    if len(code) > LONGEST:
        raise BadSetting(f"the code of {name} has {len(code)} characters, more than {LONGEST}; write less")
    skill = Skill(name, " ".join(goal.split()), code)
    function = _function(skill)
    _refuse_uncompiled(skill)
    if not _doc(function):
        raise BadSetting(f"the function {name} has no docstring; say what it does")
    given = function.args
    if given.vararg or given.kwarg or given.posonlyargs:
        raise BadSetting(f"the function {name} must take its parameters by name")
    lacks = sorted({*_required(function)} ^ {*parameters(skill.goal)})
    if lacks or not all(map(_GOAL_NAME.fullmatch, parameters(skill.goal))):
        raise BadSetting(f"the goal {goal[:80]!r} and the function {name} do not name the same: {', '.join(lacks)}")
    refuse_unreadable(skill.goal)


def _refuse_uncompiled(skill: Skill) -> None:
    """Reads the code as Python will, without running it. Raises: BadSetting where that, or its description, fails."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(skill.code, f"<{skill.name}>", "exec", dont_inherit=True)
        json.dumps([skill.tool, skill.text], ensure_ascii=False).encode()
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadSetting(f"the code of {skill.name} does not compile: {error}") from None


def renamed(skill: Skill, name: str) -> Skill:
    """The same under another name, wherever its code uses it."""
    return skill if name == skill.name else replace(skill, name=name, code=_other_name(skill, name))


def _other_name(skill: Skill, name: str) -> str:
    tree = ast.parse(skill.code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == skill.name:
            node.name = name
        elif isinstance(node, ast.Name) and node.id == skill.name:
            node.id = name
    return ast.unparse(tree)


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
