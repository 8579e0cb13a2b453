"""The other side of the judge, inside a sandbox of its own: the tests, to which a submitted function is a name whose
calls go out to where the submission runs.

Nothing of the submission is in this process, so an assertion compares plain values of this side's own making.
``plain.py`` stands above this text, and the sandbox has put ``ask`` among its globals.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any


class Gone(BaseException):
    """The submission's process answers no more. No ``except Exception`` of a test takes it for an answer."""


def judge(ask: Any, wire: Any, unwire: Any) -> None:
    order = ask(None)
    names = order["names"]
    space: dict[str, Any] = {"__name__": "tests"}
    exec(compile(order["setup"], "setup.py", "exec"), space)
    proxies = {name: proxy(name, ask, wire, unwire) for name in names}
    if not order["checks"]:
        space |= proxies
    exec(compile(order["tests"], "tests.py", "exec"), space)
    if order["checks"]:
        space["check"](proxies[names[0]])
    ask({"passed": True})


def proxy(name: str, ask: Any, wire: Any, unwire: Any) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        answer = ask({"name": name, "given": wire(list(given)), "named": wire(named)})
        if answer is None:
            raise Gone
        if "value" in answer:
            return unwire(answer["value"])
        kind = getattr(builtins, str(answer["raised"]), None)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            kind = RuntimeError
        raise kind(str(answer["told"]))

    return call


if "ask" in globals():
    judge(globals()["ask"], globals()["wire"], globals()["unwire"])
