"""Playwright's accessibility snapshot as a tree, and a stable name for every element of it.

A line of a snapshot reads ``- button "Submit" [disabled] [ref=e17]: text``; the lines are YAML. An element's wording is
its role and name, as in ``button Submit``: the same on every page, where the ref is not. An element without a name goes
by its text, or by the text before it, as a field does by its label.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

_KEY = re.compile(r'(?P<role>[\w/-]+)(?: (?P<name>"(?:[^"\\]|\\.)*"))?(?P<marks>(?: \[[^\]]*\])*)$')
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_REF = re.compile(r"\[ref=(\w+)\]|^(f?\d*e\d+)$")
LONGEST = 60
"""Characters of a name in a wording."""
CLICKABLE = frozenset(
    (
        "button",
        "link",
        "checkbox",
        "radio",
        "switch",
        "tab",
        "menuitem",
        "menuitemcheckbox",
        "menuitemradio",
        "treeitem",
    )
)
TYPABLE = frozenset(("textbox", "searchbox", "spinbutton", "combobox"))
FIELDS = TYPABLE | {"listbox", "slider"}
LABELLED = FIELDS | {"checkbox", "radio", "switch"}


@dataclass(frozen=True, slots=True)
class Node:
    """One element, or a text (``role`` is "text"). ``marks`` are its states: "checked", "disabled", "ref=e17"."""

    role: str
    name: str = ""
    marks: tuple[str, ...] = ()
    text: str = ""
    children: tuple[Node, ...] = ()

    @property
    def ref(self) -> str:
        return next((mark[4:] for mark in self.marks if mark.startswith("ref=")), "")

    @property
    def all_text(self) -> str:
        """Its own text and that of all within it."""
        parts = (self.name, self.text, *(child.all_text for child in self.children))
        return " ".join(part for part in parts if part)

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Element:
    """A node that can be acted on by its ``wording``, which no other element of the page has."""

    wording: str
    node: Node
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    text: str = ""
    elements: tuple[Element, ...] = ()
    _refs: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def read(cls, text: str) -> Snapshot:
        nodes = _nodes(yaml.load(text, _LOADER) or [])
        refs = frozenset(node.ref for top in nodes for node in top.walk())
        return cls(text, tuple(_worded(nodes)), refs - {""})

    def ref(self, element: str) -> str:
        """The ref of an element that is named by its ref or its wording; empty where there is none."""
        found = _REF.search(element.strip())
        if found:
            ref = found[1] or found[2]
            return ref if ref in self._refs else ""
        wanted = _plain(element)
        return next((one.node.ref for one in self.elements if _plain(one.wording) == wanted), "")


def _nodes(items: Sequence[Any]) -> tuple[Node, ...]:
    """The nodes of a YAML list; properties such as ``/url`` are left out."""
    pairs = [next(iter(item.items())) if isinstance(item, dict) else (item, "") for item in items]
    return tuple(_node(key, value) for key, value in pairs if not key.startswith("/"))


def _node(key: str, value: Any) -> Node:
    found = _KEY.match(key)
    if found is None:
        return Node("text", text=key)
    name = json.loads(found["name"]) if found["name"] else ""
    marks = tuple(re.findall(r"\[([^\]]*)\]", found["marks"]))
    if isinstance(value, str):
        return Node(found["role"], name, marks, value)
    return Node(found["role"], name, marks, children=_nodes(value))


def _worded(nodes: Sequence[Node]) -> Iterator[Element]:
    """Every element with its wording; the second of the same name gets a 2, and so on."""
    used: set[str] = set()
    for node, before in _with_text_before(nodes, ""):
        if not node.ref:
            continue
        bare = " ".join(f"{node.role} {_name(node, before)}".split())
        wording, number = bare, 2
        while wording.lower() in used:
            wording, number = f"{bare} {number}", number + 1
        used.add(wording.lower())
        options = tuple(child.name or child.text for child in node.walk() if child.role == "option")
        yield Element(wording, node, options)


def _with_text_before(nodes: Sequence[Node], before: str) -> Iterator[tuple[Node, str]]:
    """Every node, with the text that stands just before it; what can be acted on is no such text."""
    for node in nodes:
        yield node, before
        yield from _with_text_before(node.children, before)
        acts = any(inner.role in CLICKABLE or inner.role in FIELDS for inner in node.walk())
        before = "" if acts else node.all_text or before


def _name(node: Node, before: str) -> str:
    said = node.name or ("" if node.role in FIELDS else node.all_text) or (before if node.role in LABELLED else "")
    return said if len(said) <= LONGEST else f"{said[:LONGEST].rsplit(' ', 1)[0]}..."


def _plain(wording: str) -> str:
    return " ".join(wording.replace('"', "").split()).lower()
