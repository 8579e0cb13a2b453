"""What a choice of tools means for a model that writes its calls as text: what it reads, and how its reply begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from knowhow.agents.local.hermes import OPEN
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Tool


def chosen(tools: Sequence[Tool], choice: Any) -> tuple[tuple[Tool, ...], str]:
    """The tools that the model is told of, and the text that its reply has to begin with.

    ``choice`` is OpenAI's ``tool_choice`` (``none``, ``auto``, ``required`` or a function) or LangChain's (``any``,
    True or a tool's name); nothing is ``auto``. Raises: BadSetting for a tool that there is not.
    """
    if choice in (None, False, "auto", ""):
        return tuple(tools), ""
    if choice == "none":
        return (), ""
    names = [tool["function"].get("name") for tool in tools]
    if choice in (True, "any", "required") and names:
        return tuple(tools), f"{OPEN}\n"
    name = (choice.get("function") or {}).get("name") if isinstance(choice, dict) else choice
    if name not in names:
        raise BadSetting(f"tool_choice={choice!r:.80} is none, auto, required or one of the tools")
    return tuple(tools), f'{OPEN}\n{{"name": "{name}", "arguments":'
