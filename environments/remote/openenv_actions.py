"""An OpenEnv environment's action schema as tools, and calls of these as actions.

An environment has either one kind of action, whose fields become the arguments of one tool, or MCP tools, which it
lists (``ListToolsAction`` and ``CallToolAction`` of openenv-core 0.3.0).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowhow.environments.calls import render_call
from knowhow.environments.types import Tool, ToolCall

CHOICES = 64
"""More values than these are not listed as commands."""


@dataclass(frozen=True, slots=True)
class Actions:
    """What may be done. ``mcp``: by tools that the environment lists, which it does in an episode."""

    tools: tuple[Tool, ...]
    mcp: bool = False

    def encode(self, call: ToolCall) -> Mapping[str, Any]:
        if self.mcp:
            return {"type": "call_tool", "tool_name": call.name, "arguments": dict(call.arguments)}
        return dict(call.arguments)

    def commands(self) -> tuple[str, ...] | None:
        """Every action, where they are the few values of one field."""
        if self.mcp:
            return None
        schema = self.tools[0]["function"]["parameters"]
        if len(schema["properties"]) != 1:
            return None
        ((name, field),) = schema["properties"].items()
        values = _values(field, schema.get("$defs", {}))
        return tuple(render_call(ToolCall("act", {name: value}), self.tools) for value in values) or None


def actions_of(schema: Mapping[str, Any]) -> Actions:
    """Raises: ValueError for what is no schema of actions."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        raise ValueError("the action schema has no properties")
    if "tool_name" in properties or schema.get("title") in ("Action", "ListToolsAction"):
        return Actions((), mcp=True)
    fields = {name: field for name, field in properties.items() if name != "metadata"}
    parameters: dict[str, Any] = {"type": "object", "properties": fields}
    parameters["required"] = [name for name in schema.get("required", ()) if name in fields]
    if "$defs" in schema:
        parameters["$defs"] = schema["$defs"]
    says = " ".join(str(schema.get("description") or "Do one thing in the environment.").split())
    return Actions(({"type": "function", "function": {"name": "act", "description": says, "parameters": parameters}},))


def listed(tools: object) -> tuple[Tool, ...]:
    """The tools of a ``ListToolsObservation``. Raises: ValueError."""
    if not isinstance(tools, list) or not all(isinstance(one, dict) and one.get("name") for one in tools) or not tools:
        raise ValueError(f"{tools!r:.100} are no tools")
    return tuple(
        {
            "type": "function",
            "function": {
                "name": one["name"],
                "description": one.get("description") or one["name"],
                "parameters": {"type": "object", "properties": {}, **(one.get("input_schema") or {})},
            },
        }
        for one in tools
    )


def told(observation: Mapping[str, Any], most: int) -> str:
    """An observation as text: what its one field says, or a line for each field that says something."""
    seen = _of_tool(observation) if "tool_name" in observation else observation
    said = {name: value for name, value in seen.items() if value not in (None, "", [], {})}
    lines = [_plain(value) if len(said) == 1 else f"{name}: {_plain(value)}" for name, value in said.items()]
    text = "\n".join(lines) or "Nothing is told."
    return text if len(text) <= most else f"{text[:most]}\n[{len(text) - most:,} more characters]"


def _of_tool(observation: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a ``CallToolObservation`` says, without the envelope of its result."""
    if isinstance(error := observation.get("error"), dict):
        return {"error": f"Error: {error.get('message')}"}
    result = observation.get("result")
    return {"result": result["data"] if isinstance(result, dict) and "data" in result else result}


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _values(field: Mapping[str, Any], defs: Mapping[str, Any]) -> Sequence[Any]:
    field = {**defs.get(str(field.get("$ref", "")).rpartition("/")[2], {}), **field}
    if "enum" in field:
        values: Sequence[Any] = field["enum"]
    elif field.get("type") == "integer" and "minimum" in field and "maximum" in field:
        values = range(field["minimum"], field["maximum"] + 1)
    else:
        values = [True, False] if field.get("type") == "boolean" else []
    return values if len(values) <= CHOICES else []
