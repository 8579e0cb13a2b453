"""The tool ``edit``: writing a file of a workspace, or replacing a passage in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from knowhow.environments.calls import tool
from knowhow.environments.types import Tool
from knowhow.environments.workspace import FOLDER, NOW, Node, Tree

MOST = 256 << 10
"""Bytes that one file may have."""


def _edit_tool() -> Tool:
    whole = tool(
        "edit",
        "Write a file; or, with a passage given, replace that passage in it, which must be there just once.",
        path="The file, from the working folder on.",
        text="What to write.",
        passage="The passage of the file that makes way for the text; leave it out to write the whole file.",
    )
    function = whole["function"]
    optional = {**function["parameters"], "required": ["path", "text"]}
    return {**whole, "function": {**function, "parameters": optional}}


EDIT: Tool = _edit_tool()


def edit(tree: Tree, arguments: Mapping[str, Any]) -> tuple[Tree, str]:
    """The tree after an edit, and what to tell; the tree as it was where the edit does not fit."""
    path = PurePosixPath(arguments["path"].strip())
    wrong = _unwritable(path, tree)
    if wrong:
        return tree, wrong
    old = tree.get(str(path), Node())
    written = _written(old.data, arguments["text"], arguments.get("passage", ""))
    if isinstance(written, str):
        return tree, f"{path}: {written}"
    folders = {str(parent): FOLDER for parent in reversed(path.parents[:-1])}
    return {**folders, **tree, str(path): replace(old, data=written, changed=NOW)}, f"{path} is written."


def _unwritable(path: PurePosixPath, tree: Tree) -> str:
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in str(path):
        return f"{str(path)!r} is no file of the working folder; name one without .. and without a / at its beginning."
    for parent in path.parents[:-1]:
        if str(parent) in tree and tree[str(parent)].kind != "folder":
            return f"{parent} is no folder."
    if str(path) in tree and tree[str(path)].kind != "file":
        return f"{path} is a {tree[str(path)].kind}, not a file."
    return ""


def _written(old: bytes, text: str, passage: str) -> bytes | str:
    """What a file is to hold, or what is wrong."""
    new, lost = text.encode("utf-8", "replace"), passage.encode("utf-8", "replace")
    if lost:
        count = old.count(lost)
        if count != 1:
            return f"the passage is there {count} times, not once; nothing was changed."
        new = old.replace(lost, new)
    return new if len(new) <= MOST else f"a file may have {MOST >> 10} KB at most; nothing was changed."
