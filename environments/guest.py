"""What runs inside the sandbox: it gives up what it may not have, then runs the source that it was sent.

``environments/sandbox.py`` starts this text with ``python -I -S -c``, waits for a byte on standard output, and sends
one order over standard input: the length of a JSON object in ten digits, then the object. What follows belongs to the
source.

This file imports nothing of its own package, and nothing in it is a wall against the source: the limits are the
system's, and what comes back from here is never believed.
"""

from __future__ import annotations

import json
import linecache
import os
import resource
import sys
import traceback
from collections.abc import Callable
from typing import Any

NAME = "<source>"
KEEPERS_MEMORY = 16 << 20
"""Bytes of address space for the process that the guest runs under, which only waits for it."""


def main() -> None:
    os.write(1, b".")
    order = json.loads(_read(int(_read(10))))
    for name, text in order["files"].items():
        with open(name, "w", encoding="utf-8") as file:  # noqa: PTH123  (pathlib takes longer than all the rest)
            file.write(text)
    _give_up(order)
    space: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    if order["talks"]:
        space["ask"] = _asker()
    source = order["source"]
    linecache.cache[NAME] = (len(source), None, source.splitlines(keepends=True), NAME)
    try:
        exec(compile(source, NAME, "exec"), space)
    except Exception as error:
        traceback.print_exception(type(error), error, error.__traceback__ and error.__traceback__.tb_next)
        sys.exit(1)


def _read(size: int) -> bytes:
    """Exactly so many bytes, and none of what follows them."""
    parts = []
    while size > 0:
        part = os.read(0, min(size, 1 << 16))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _give_up(order: dict[str, Any]) -> None:
    named = {getattr(resource, f"RLIMIT_{name}", None): most for name, most in order["limits"].items()}
    limits = {number: most for number, most in named.items() if number is not None}  # not every system has all
    for number, most in limits.items():
        if order["keeper"]:  # or whoever writes into its memory would be free of all limits
            resource.prlimit(1, number, (KEEPERS_MEMORY, KEEPERS_MEMORY) if number == resource.RLIMIT_AS else most)
        resource.setrlimit(number, most)
    if order["uid"] is not None:
        os.setgroups([])
        os.setresgid(order["uid"], order["uid"], order["uid"])
        os.setresuid(order["uid"], order["uid"], order["uid"])


def _asker() -> Callable[[Any], Any]:
    """``ask(request)``: sends a request to the host and returns its reply. Printing goes to standard error."""
    requests, replies = os.dup(1), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def ask(request: Any) -> Any:
        line = json.dumps(request).encode() + b"\n"
        while line:
            line = line[os.write(requests, line) :]
        reply = replies.readline()
        if not reply:
            raise EOFError("nobody answers any more")
        return json.loads(reply)

    return ask


if __name__ == "__main__":
    main()
