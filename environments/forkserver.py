"""The process that engines are forked from: it loads a slow engine once, and each episode gets a copy that can play.

``environments/worker.py`` starts it with the engine's file and a time limit, and talks to it over its standard input, a
Unix socket. Each byte that arrives there comes with one end of a new socket pair; the process forked for it answers
calls on that, one JSON line each way, until the other end hangs up.

This file imports nothing of its own package: it must run where that is not installed.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib.util
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any


def main(path: str, seconds: int) -> None:
    """Fork one engine per request until the parent hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends all of this by hanging up
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system buries children that nobody waits for
    control = socket.socket(fileno=0)
    make = load(path)
    gc.freeze()  # no collection touches what is here now, so that its memory stays shared
    while fds := socket.recv_fds(control, 1, 1)[1]:
        with contextlib.suppress(OSError):  # no process to be had: closing the socket tells the other end
            if os.fork() == 0:
                control.close()
                play(socket.socket(fileno=fds[0]), make, seconds)
        os.close(fds[0])


def load(path: str) -> Callable[[], Any]:
    """What makes an engine: the class ``Engine`` of the file, ``prepare`` done; or what raises why there is none."""
    try:
        spec = importlib.util.spec_from_file_location("engine", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.prepare()
        return module.Engine  # type: ignore[no-any-return]
    except Exception as error:
        return functools.partial(_broken, error)


def play(connection: socket.socket, make: Callable[[], Any], seconds: int) -> None:
    """Answer calls until the other end hangs up, then end the process. A call that takes too long ends it as well."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    engine = functools.cache(make)
    with contextlib.suppress(OSError), connection.makefile("rb") as lines:
        for line in lines:
            signal.alarm(seconds)  # without a handler: it ends the process even where the engine hangs in C
            connection.sendall(json.dumps(answer(engine, *json.loads(line))).encode() + b"\n")
            signal.alarm(0)
    os._exit(0)


def answer(engine: Callable[[], Any], name: str, arguments: list[Any]) -> dict[str, Any]:
    try:
        return {"value": getattr(engine(), name)(*arguments)}
    except (Exception, SystemExit) as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _broken(error: Exception) -> Any:
    raise error


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
