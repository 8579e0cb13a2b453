"""An evolving memory for an agent of LangChain's that somebody already has.

    from knowhow.memory.middleware import Knowhow

    agent = create_agent(model, tools, middleware=[Knowhow("memory/", feedback=judge)])

``judge`` gets the messages of a finished run and says how good it was, in [0, 1], or None where it cannot tell. The
middleware needs the extra ``[langchain]``; it is imported with its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knowhow.environments.errors import MissingExtra

if TYPE_CHECKING:
    from knowhow.memory.langchain._middleware import Knowhow

__all__ = ["ABOUT", "Knowhow"]

ABOUT = "agent.json"
"""The file that tells the folder of such a memory from a run's."""


def __getattr__(name: str) -> Any:
    if name != "Knowhow":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from knowhow.memory.langchain._middleware import Knowhow
    except ModuleNotFoundError as error:
        raise MissingExtra("the middleware needs langchain; install knowhow-agents[langchain]") from error
    return Knowhow
