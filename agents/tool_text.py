"""Tool calls for models that have none: the tools go into the system prompt, calls and answers travel as plain text.

A call is one line, ``Action: take mug 1 from shelf 2`` in a world of bare commands and ``Action: click(ref="e17")`` in
others (as in ReAct, arXiv 2210.03629). What models write all the same is read as well: a JSON object with a name and
arguments, in a code fence or in ``<tool_call>`` tags, and a bare call without the word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, InvalidToolCall, SystemMessage, ToolMessage
from langchain_core.messages.tool import ToolCall as MadeCall

from knowhow.agents.prompt import render
from knowhow.environments.calls import command_argument, parse_call, render_call
from knowhow.environments.types import Tool, ToolCall

_ACTION = re.compile(r"^[ \t>*_#`-]*action[ \t*_`]*:[ \t*_]*(?:\n+[ \t]*)?(\S.*)$", re.IGNORECASE | re.MULTILINE)
_OBSERVATION = re.compile(r"^[ \t>*_#`-]*observation[ \t*_`]*:", re.IGNORECASE | re.MULTILINE)
_JSON = re.compile(r"(?:```(?:json|tool_call)?|<tool_call>)\s*(\{.*?\})\s*(?:```|</tool_call>)", re.DOTALL)


def as_text(messages: Iterable[BaseMessage], tools: Sequence[Tool]) -> list[BaseMessage]:
    """The conversation for a model without tool calling: the tools first, since they change least, then plain text.

    Neighbours of one role become one message, because many chat templates insist that roles alternate.
    """
    plain: list[BaseMessage] = [SystemMessage(describe(tools))]
    for message in messages:
        text = _plain(message, tools)
        last = plain[-1]
        if type(last) is type(text) and isinstance(last.content, str) and isinstance(text.content, str):
            plain[-1] = type(last)(f"{last.content}\n\n{text.content}")
        else:
            plain.append(text)
    return plain


def describe(tools: Sequence[Tool]) -> str:
    """The section of the system prompt that says which tools there are and how to call them."""
    bare = command_argument(tools)
    form = f"<{bare[1]}>" if bare else 'name(argument="value", ...)'
    return render("text_tools", form=form, tools="\n".join(_lines(tools))).strip()


def read_calls(reply: AIMessage, tools: Sequence[Tool], turn: int = 0) -> AIMessage:
    """The reply with the calls that its text makes; one that cannot be read is invalid, with the reason in ``error``.

    ``turn``: a number that differs between the replies of a conversation, so that the ids of their calls do.
    """
    made: list[MadeCall] = []
    broken: list[InvalidToolCall] = []
    for number, written in enumerate(_written(reply.text, tools)):
        id = f"text-{turn}-{number}"
        try:
            call = _read(written, tools)
            made.append(MadeCall(name=call.name, args=dict(call.arguments), id=id, type="tool_call"))
        except ValueError as error:
            name = written.partition("(")[0].strip()[:40]
            broken.append(InvalidToolCall(name=name, args=written, id=id, error=str(error), type="invalid_tool_call"))
    return reply.model_copy(update={"tool_calls": made, "invalid_tool_calls": broken})


def _plain(message: BaseMessage, tools: Sequence[Tool]) -> BaseMessage:
    if isinstance(message, ToolMessage):
        return HumanMessage(f"Observation: {message.text}")
    if not isinstance(message, AIMessage):
        return message
    if not message.tool_calls or _written(message.text, tools):
        return AIMessage(message.text)
    calls = (render_call(ToolCall(call["name"], call["args"]), tools) for call in message.tool_calls)
    return AIMessage("\n".join([*([message.text] if message.text else []), *(f"Action: {call}" for call in calls)]))


def _written(text: str, tools: Sequence[Tool]) -> list[str]:
    """The calls in a reply, as they were written; what it says after an observation that it made up is left out."""
    said = _OBSERVATION.split(text.rpartition("</think>")[2])[0].strip()
    objects = _JSON.findall(said)
    if objects:
        return objects
    actions = [action.strip("`* \t\r") for action in _ACTION.findall(said)]
    return actions or _bare(said, tools)


def _bare(said: str, tools: Sequence[Tool]) -> list[str]:
    """The last line where it is a call all by itself; in a world of bare commands, the only line."""
    last = said.rpartition("\n")[2].strip("`* \t\r")
    if command_argument(tools) is not None and "\n" not in said:
        return [last] if last else []
    named = any(last.startswith(f"{tool['function']['name']}(") for tool in tools)
    return [last] if named else []


def _read(written: str, tools: Sequence[Tool]) -> ToolCall:
    """Raises: ValueError, with what is wrong, for the model to read."""
    if not written.startswith("{"):
        return parse_call(written, tools)
    try:
        made = json.loads(written)
    except json.JSONDecodeError as error:
        raise ValueError(f"{written[:80]!r} is no valid JSON ({error})") from None
    arguments = made.get("arguments", made.get("parameters", {}))
    if not isinstance(made.get("name"), str) or not isinstance(arguments, dict):
        raise ValueError(f'{written[:80]!r} is no tool call; write {{"name": "...", "arguments": {{...}}}}')
    return ToolCall(made["name"], arguments)


def _lines(tools: Sequence[Tool]) -> Iterable[str]:
    bare = command_argument(tools)
    for tool in tools:
        function: dict[str, Any] = tool["function"]
        schema = function.get("parameters", {})
        needed = schema.get("required", ())
        takes = schema.get("properties", {})
        described = function.get("description", "")
        head = f"<{bare[1]}>" if bare else f"{function['name']}({', '.join(takes)})"
        yield f"- {head}: {described}" if described else f"- {head}"
        for name, of in takes.items():
            optional = "" if name in needed else ", optional"
            choices = f" One of {json.dumps(of['enum'])}." if "enum" in of else ""
            yield f"  {name} ({of.get('type', 'any')}{optional}): {of.get('description', '')}{choices}".rstrip(": ")
