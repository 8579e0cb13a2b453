"""Tool calls as Qwen and Hermes models write them: a JSON object with name and arguments in ``<tool_call>`` tags."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

OPEN = "<tool_call>"
_BLOCK = re.compile(r"<tool_call>(.*?)(?:</tool_call>|$)", re.DOTALL)
_NAME = re.compile(r'"name"\s*:\s*"([^"\\]*)"')
_ARGUMENTS = re.compile(r'"arguments"\s*:\s*(.*?)\s*\}?\s*$', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it was written. ``arguments`` is a JSON object where ``valid``, else the text that was to be one."""

    name: str
    arguments: str
    valid: bool = True


def read_reply(text: str) -> tuple[str, tuple[Call, ...]]:
    """What a reply says before its calls, and the calls; the last one may lack its closing tag."""
    said, tag, _ = text.partition(OPEN)
    if not tag:
        return text, ()
    return said.rstrip(), tuple(_read(block.strip()) for block in _BLOCK.findall(text))


def _read(block: str) -> Call:
    try:
        made = json.loads(block, strict=False)
    except ValueError:
        return _broken(block)
    if not isinstance(made, dict) or not isinstance(made.get("name"), str):
        return _broken(block)
    arguments = made.get("arguments", {})
    return Call(made["name"], json.dumps(arguments, ensure_ascii=False), isinstance(arguments, dict))


def _broken(block: str) -> Call:
    """With what can be made out, so that the model can be told what it was."""
    name, arguments = _NAME.search(block), _ARGUMENTS.search(block)
    return Call(name[1] if name else "", arguments[1] if arguments else block, valid=False)
