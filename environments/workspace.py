"""A folder of files that lasts from call to call: each call is a command in a fresh sandbox, which gets the files and
gives them back.

A tree is plain data: nothing of it lies on this machine's disk, no link in it is ever followed here, and a call that
breaks a limit leaves it as it was. What a call changed gets the time ``NOW``: the same calls give the same tree.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from knowhow.environments import workspace_guest
from knowhow.environments.errors import MissingExtra
from knowhow.environments.sandbox import Limits, converse
from knowhow.environments.sandboxes.bubblewrap import Bubblewrap
from knowhow.environments.walls import SETTING, chosen

NOW = 1_718_452_800
"""2024-06-15 12:00 UTC: when everything happens."""
LIMITS = Limits(seconds=60, cpu=5, memory_mb=1024, processes=8, output_kb=4096, disk_mb=8)
MOST_OUTPUT = 8 << 10
"""Bytes of output that are kept of a call."""
_PYTHON = Path(sys.executable).resolve()
ENVIRON = {
    "PATH": f"/usr/local/bin:/usr/bin:/bin:{_PYTHON.parent}",
    "HOME": workspace_guest.HOME,
    "TMPDIR": "/tmp",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True, slots=True)
class Node:
    """``data`` is what a file holds, or where a link leads; ``mode`` the permissions; ``changed`` in seconds."""

    data: bytes = b""
    mode: int = 0o644
    changed: int = NOW
    kind: Literal["file", "folder", "link"] = "file"


FOLDER = Node(mode=0o755, kind="folder")
Tree = Mapping[str, Node]
"""Nodes by their paths from the workspace on, with ``/``; a folder comes before what is in it."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a call went: ``output`` and errors as they came, the exit ``status`` (negative: the signal that ended it),
    the ``tree`` after it; ``why`` says in one line why it was stopped, which leaves the tree as it was."""

    output: str
    status: int
    tree: Tree
    why: str = ""

    @property
    def told(self) -> str:
        """What whoever made the call gets to read."""
        if self.why:
            return f"It was stopped: {self.why}. The files are as they were before."
        lines = [self.output.rstrip("\n")] if self.output.strip() else []
        lines += [f"(exit status {self.status})"] if self.status else []
        return "\n".join(lines) or "(no output)"


def of_texts(texts: Mapping[str, str]) -> Tree:
    """Files by path, with the folders that they lie in."""
    nodes: dict[str, Node] = {}
    for path, text in sorted(texts.items()):
        for parent in reversed(Path(path).parents[:-1]):
            nodes.setdefault(parent.as_posix(), FOLDER)
        nodes[path] = Node(text.encode())
    return nodes


async def run(tree: Tree, command: Sequence[str], *, limits: Limits = LIMITS) -> Ran:
    """Run one command in the tree. Whatever it does is a ``Ran``.

    Raises: MissingExtra where the sandbox cannot let it start processes.
    """
    needed()
    order = {
        "tree": {_wired(path): _packed(node) for path, node in tree.items()},
        "command": list(command),
        "environ": ENVIRON,
        "now": NOW,
        "most": MOST_OUTPUT + 1,
    }
    async with converse(_guest_code(), limits=limits) as talk:
        async for request in talk:
            if request is not None:
                return _read(request, tree)
            await talk.reply(order)
        assert talk.outcome is not None
        return Ran("", -1, tree, talk.outcome.why or "it ended the sandbox")


async def bash(tree: Tree, command: str, *, limits: Limits = LIMITS) -> Ran:
    """Run a line of bash in the tree."""
    return await run(tree, ["bash", "--noprofile", "--norc", "-c", command], limits=limits)


async def python(tree: Tree, code: str, *, limits: Limits = LIMITS) -> Ran:
    """Run Python code in the tree, from which it may import."""
    return await run(tree, [str(_PYTHON), "-S", "-c", code], limits=limits)


def needed() -> None:
    """Raises: MissingExtra where there are no walls behind which a process may start others."""
    if not isinstance(chosen(), Bubblewrap):
        why = Bubblewrap().fails() or f"{SETTING} asks for other walls; unset it"
        raise MissingExtra(f"commands run behind bubblewrap only, but {why}")


def _read(answer: Any, before: Tree) -> Ran:
    """What a guest sent, which may be anything."""
    try:
        output = base64.b64decode(answer["output"])
        nodes = {_unwired(path): _unpacked(*node) for path, node in answer["tree"].items()}
        status = int(answer["status"])
    except (LookupError, TypeError, ValueError, AttributeError):
        return Ran("", -1, before, "it answered in the sandbox's place")
    more = "\n(there is more)" if len(output) > MOST_OUTPUT else ""
    return Ran(output[:MOST_OUTPUT].decode("utf-8", "replace") + more, status, MappingProxyType(nodes))


def _packed(node: Node) -> list[Any]:
    return [node.kind, node.mode, node.changed, base64.b64encode(node.data).decode()]


def _unpacked(kind: Any, mode: Any, changed: Any, data: Any) -> Node:
    if kind not in ("file", "folder", "link"):
        raise ValueError(kind)
    return Node(base64.b64decode(data), int(mode), int(changed), kind)


def _wired(path: str) -> str:
    """A path as JSON can hold it, whatever bytes are in it."""
    return path.encode("utf-8", "surrogateescape").decode("latin-1")


def _unwired(path: str) -> str:
    return path.encode("latin-1").decode("utf-8", "surrogateescape")


@cache
def _guest_code() -> str:
    return Path(workspace_guest.__file__).read_text(encoding="utf-8")
