"""Which calls a page offers, in the same words on every page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from knowhow.environments.browser.snapshot import CLICKABLE, FIELDS, TYPABLE, Element
from knowhow.environments.browser.tab import Look
from knowhow.environments.browser.tools import KEYS
from knowhow.environments.calls import render_call
from knowhow.environments.types import ToolCall

MOST_VALUES = 8
MOST = 300
_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”')
_TELLING = re.compile(r"(?<![.!?:] )(?<!^)\b[A-Z][\w'-]*(?: [A-Z][\w'-]*)*|\S*\d\S*")


def commands(look: Look, values: Sequence[str], *, answers: bool = False) -> tuple[str, ...]:
    """The calls that make sense on the page as it is, the first ``MOST`` of them.

    ``values`` are what fields may be filled with and, where the task ``answers``, what may be said in the end.
    """
    calls = [*_calls(look.snapshot.elements, values)]
    calls += [ToolCall("scroll", {"direction": direction}) for direction in look.scrolls]
    calls += [ToolCall("back")] * look.back
    calls += [ToolCall("done", {"answer": value}) for value in ("", *values) if answers]
    return tuple(dict.fromkeys(map(render_call, calls)))[:MOST]


def values_in(goal: str) -> tuple[str, ...]:
    """What a goal says that one could type: what it quotes; else names, numbers and dates; else its longer words."""
    quoted = [one or other for one, other in _QUOTED.findall(goal)]
    telling = [found.strip(".,;:!?()\"'") for found in _TELLING.findall(_QUOTED.sub(" ", goal))]
    words = re.findall(r"[^\W\d_]{4,}", goal)
    found = dict.fromkeys(value for value in quoted + telling or words if value)
    return tuple(found)[:MOST_VALUES]


def _calls(elements: Sequence[Element], values: Sequence[str]) -> Iterator[ToolCall]:
    able = [element for element in elements if "disabled" not in element.node.marks]
    for element in able:
        if _is_clickable(element):
            yield ToolCall("click", {"element": element.wording})
    for element in able:
        if element.options and element.node.role in ("combobox", "listbox"):
            chosen = (ToolCall("select", {"element": element.wording, "option": option}) for option in element.options)
            yield from chosen
        elif element.node.role in TYPABLE and "readonly" not in element.node.marks:
            yield from (ToolCall("fill", {"element": element.wording, "text": value}) for value in values)
    if any("active" in element.node.marks and element.node.role in FIELDS for element in able):
        yield from (ToolCall("press", {"key": key}) for key in KEYS)


def _is_clickable(element: Element) -> bool:
    node = element.node
    return node.role in CLICKABLE or node.role in TYPABLE - {"combobox"} or "cursor=pointer" in node.marks
