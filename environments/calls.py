"""Tool calls as text, and back.

Text is what a world lists as possible, what a transcript shows, and what a model without tool calling writes. A world
with one tool of one string argument (a text world) speaks its bare commands: ``take mug 1 from shelf 2``. Every other
call is written as in Python with JSON values: ``click(ref="e17")``.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence

from knowhow.environments.types import Tool, ToolCall

SKILL = "skill_"
"""What the names of tools begin with that are not the world's own but learned."""


def tool(name: str, description: str, **parameters: str) -> Tool:
    """A tool in the OpenAI function format whose arguments are all required strings, each with its description."""
    schema = {
        "type": "object",
        "properties": {key: {"type": "string", "description": text} for key, text in parameters.items()},
        "required": list(parameters),
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def tool_name(tool: Tool) -> str:
    return str(tool["function"]["name"])


def command_argument(tools: Sequence[Tool]) -> tuple[str, str] | None:
    """The (tool, argument) that takes a bare command, where the world has just one tool with one string argument;
    skills beside it do not matter."""
    own = [tool for tool in tools if not tool_name(tool).startswith(SKILL)]
    if len(own) != 1:
        return None
    function = own[0]["function"]
    properties = function.get("parameters", {}).get("properties", {})
    if len(properties) != 1:
        return None
    ((argument, schema),) = properties.items()
    return (function["name"], argument) if schema.get("type") == "string" else None


def render_call(call: ToolCall, tools: Sequence[Tool] = ()) -> str:
    """The call as text; with ``tools`` of a text world, the bare command."""
    bare = command_argument(tools)
    if bare is not None and call.name == bare[0] and set(call.arguments) == {bare[1]}:
        return str(call.arguments[bare[1]])
    return f"{call.name}({', '.join(f'{k}={json.dumps(v, ensure_ascii=False)}' for k, v in call.arguments.items())})"


def parse_call(text: str, tools: Sequence[Tool]) -> ToolCall:
    """The call that ``text`` stands for. Raises: ValueError, with what is wrong, where it is no call of these tools."""
    text = text.strip()
    bare = command_argument(tools)
    names = [tool_name(tool) for tool in tools]
    if bare is not None and not any(text.startswith(f"{name}(") for name in names):
        return ToolCall(bare[0], {bare[1]: text})
    try:
        node = ast.parse(text, mode="eval").body
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args):
            raise ValueError("not of the form name(argument=value)")
        if any(word.arg is None for word in node.keywords):
            raise ValueError("each argument needs its name")
        arguments = {str(word.arg): _value(word.value) for word in node.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        way_out = f"write one of {', '.join(names)} as name(argument=value)"
        raise ValueError(f"{text[:80]!r} is no tool call ({error}); {way_out}") from None
    if node.func.id not in names:
        raise ValueError(f"there is no tool {node.func.id!r}; the tools are {', '.join(names)}")
    return ToolCall(node.func.id, arguments)


def check_call(call: ToolCall, tools: Sequence[Tool]) -> str:
    """What is wrong with a call, in one sentence for the model to read; empty where it fits its tool's schema."""
    functions = {tool_name(tool): tool["function"] for tool in tools}
    if call.name not in functions:
        return f"There is no tool {call.name!r}. The tools are: {', '.join(functions)}."
    schema = functions[call.name].get("parameters", {})
    properties = schema.get("properties", {})
    missing = [name for name in schema.get("required", ()) if name not in call.arguments]
    unknown = [name for name in call.arguments if name not in properties]
    if missing or unknown:
        said = [f"it lacks {', '.join(missing)}"] * bool(missing)
        said += [f"it does not take {', '.join(unknown)}"] * bool(unknown)
        takes = ", ".join(properties) or "nothing"
        return f"The call of {call.name} does not fit: {' and '.join(said)}. It takes: {takes}."
    wrong = [
        f"{name} must be of type {properties[name]['type']}"
        for name, value in call.arguments.items()
        if not _fits(value, properties[name].get("type"))
    ]
    return f"The call of {call.name} does not fit: {'; '.join(wrong)}." if wrong else ""


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
}


def _fits(value: object, kind: object) -> bool:
    if not isinstance(kind, str) or kind not in _TYPES:
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def _value(node: ast.expr) -> object:
    return ast.literal_eval(_JsonNames().visit(node))


class _JsonNames(ast.NodeTransformer):
    """JSON's three names, wherever they stand, as Python's."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(json.loads(node.id)) if node.id in {"true", "false", "null"} else node
