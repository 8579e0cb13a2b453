"""One side of the judge, inside a sandbox: the submitted program, called with arguments, answers with values.

It gets no test and no expected value. ``plain.py`` stands above this text, and the sandbox has put ``ask`` among its
globals. Whatever the program does to this process, all that it can send is answers, which are compared elsewhere.
"""

from __future__ import annotations

from typing import Any


def serve(ask: Any, wire: Any, unwire: Any) -> None:
    order = ask(None)
    space: dict[str, Any] = {"__name__": "solution"}
    exec(compile(order["program"], "solution.py", "exec"), space)
    call = ask("ready")
    while True:
        try:
            answer = {"value": wire(space[call["name"]](*unwire(call["given"]), **unwire(call["named"])))}
        except Exception as error:
            answer = {"raised": type(error).__name__, "told": str(error)[:200]}
        call = ask(answer)


if "ask" in globals():
    serve(globals()["ask"], globals()["wire"], globals()["unwire"])
