"""What can be done on a page, in the OpenAI function format."""

from __future__ import annotations

from knowhow.environments.calls import tool
from knowhow.environments.types import Tool

ELEMENT = "The element: its ref (e17), or its role and name as the possible commands write them (button Submit)."
KEYS = ("Enter", "Tab", "Escape", "Backspace", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight")


def _optional(plain: Tool, *required: str, **pixels: str) -> Tool:
    """The tool with optional whole numbers beside its texts, of which only some are required."""
    function = plain["function"]
    parameters = function["parameters"]
    numbers = {name: {"type": "integer", "description": text} for name, text in pixels.items()}
    schema = {**parameters, "properties": {**parameters["properties"], **numbers}, "required": list(required)}
    return {**plain, "function": {**function, "parameters": schema}}


CLICK = _optional(
    tool("click", "Click an element.", element=ELEMENT),
    "element",
    x="Where, in pixels from its left edge; left out with y: in its middle.",
    y="Where, in pixels from its top edge.",
)
FILL = tool("fill", "Replace the text of a field.", element=ELEMENT, text="The new text; empty to clear it.")
SELECT = tool(
    "select",
    "Choose an option of a list; where several may be chosen, one more.",
    element=ELEMENT,
    option="The option's text.",
)
PRESS = tool(
    "press",
    "Press a key, or keys together, where the focus is.",
    key="As in Enter, Tab, ArrowDown, a, Control+c.",
)
DRAG = _optional(
    tool("drag", "Drag an element onto another one, or by a distance.", element=ELEMENT, to=f"Onto what. {ELEMENT}"),
    "element",
    dx="Without to: how far to the right, in pixels.",
    dy="Without to: how far down, in pixels.",
)
SCROLL = _optional(
    tool(
        "scroll",
        "Scroll the page, or an element.",
        direction="up, down, left or right.",
        element=f"If given, this. {ELEMENT}",
    ),
    "direction",
)
BACK = tool("back", "Go back to the page before.")
DONE = tool(
    "done", "End the task, with the final answer where it asks for one.", answer="The answer, or an empty text."
)

SCREENSHOT = tool("screenshot", "See what the page looks like now, as an image.")

TOOLS = (CLICK, FILL, SELECT, PRESS, DRAG, SCROLL, BACK, DONE)
