"""What runs inside the sandbox for ``environments/workspace.py``: it lays out a tree of files, runs one command in it,
and sends back what was printed and what the tree is then.

The sandbox has put ``ask`` among this text's globals. It imports nothing of its own package, and what comes back from
here is never believed: the command runs as the same user.
"""

# pathlib takes longer than all the rest
# ruff: noqa: PTH101, PTH102, PTH115, PTH118, PTH123, PTH208, PTH211
from __future__ import annotations

import base64
import contextlib
import os
import signal
import stat
import time
from typing import Any

HOME = "/tmp/work"
OUTPUT = "/tmp/.output"
Node = list[Any]
"""Kind, mode, time of change, and the bytes of a file or the target of a link, in base64."""


def main(ask: Any) -> None:
    order = ask(None)
    began = int(time.time())
    os.umask(0o022)
    os.mkdir(HOME)
    lay_out(order["tree"])
    status = run(order["command"], order["environ"])
    tree = {path: node if node[2] < began else [*node[:2], order["now"], *node[3:]] for path, node in taken()}
    ask({"status": status, "output": printed(order["most"]), "tree": tree})


def lay_out(tree: dict[str, Node]) -> None:
    """Folders come before what is in them; they get their modes and times last, since filling them changes both."""
    for path, (kind, mode, _, data) in tree.items():
        place = os.path.join(HOME, name_of(path))
        if kind == "folder":
            os.mkdir(place)
        elif kind == "link":
            os.symlink(base64.b64decode(data), place.encode("utf-8", "surrogateescape"))
        else:
            with open(place, "wb") as file:
                file.write(base64.b64decode(data))
            os.chmod(place, mode)
    for path, (kind, mode, changed, _) in reversed(tree.items()):
        place = os.path.join(HOME, name_of(path))
        if kind == "folder":
            os.chmod(place, mode)
        os.utime(place, (changed, changed), follow_symlinks=False)


def run(command: list[str], environ: dict[str, str]) -> int:
    """The status of the command; output and errors go to one file, in the order in which they come."""
    out = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.chdir(HOME)
    nothing = os.open(os.devnull, os.O_RDONLY)
    streams = [(os.POSIX_SPAWN_DUP2, nothing, 0), (os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)]
    pid = os.posix_spawnp(command[0], command, environ, file_actions=streams, setpgroup=0)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what it left running writes nothing more
    return os.waitstatus_to_exitcode(status)


def taken() -> Any:
    """(path, node) of all that lies there, in a fixed order, folders before what is in them."""
    folders = [""]
    while folders:
        folder = folders.pop()
        for name in sorted(os.listdir(os.path.join(HOME, folder)), reverse=True):
            path = os.path.join(folder, name)
            node = node_of(os.path.join(HOME, path))
            if node:
                yield path.encode("utf-8", "surrogateescape").decode("latin-1"), node
            if node and node[0] == "folder":
                folders.append(path)


def node_of(place: str) -> Node | None:
    """None for what is no file, folder or link."""
    found = os.lstat(place)
    mode, changed = stat.S_IMODE(found.st_mode), int(found.st_mtime)
    if stat.S_ISDIR(found.st_mode):
        return ["folder", mode, changed, ""]
    if stat.S_ISLNK(found.st_mode):
        return ["link", 0o777, changed, text(os.readlink(place).encode("utf-8", "surrogateescape"))]
    if stat.S_ISREG(found.st_mode):
        with open(place, "rb") as file:
            return ["file", mode, changed, text(file.read())]
    return None


def printed(most: int) -> str:
    with open(OUTPUT, "rb") as file:
        return text(file.read(most))


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def name_of(path: str) -> str:
    return path.encode("latin-1").decode("utf-8", "surrogateescape")


if "ask" in globals():
    main(globals()["ask"])
