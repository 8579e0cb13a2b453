"""What needs LangChain at import; ``memory/middleware.py`` is the way in."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypeVar

from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse
from langchain.agents.middleware.types import PrivateStateAttr
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langgraph.runtime import Runtime

from knowhow.agents.model import Model, load_model
from knowhow.agents.types import Turn
from knowhow.environments.errors import BadSetting, ModelError
from knowhow.environments.types import Trajectory
from knowhow.memory.langchain.chat_episode import Begun, episode, request
from knowhow.memory.langchain.practice import Habits, Practice

_log = logging.getLogger(__name__)
Judge = Callable[[Sequence[BaseMessage]], float | Awaitable[float | None] | None]
T = TypeVar("T")


class KnowhowState(AgentState[Any]):
    """The agent's state, with what memory gave to the run that is going on."""

    knowhow: NotRequired[Annotated[dict[str, Any], PrivateStateAttr]]


class Knowhow(AgentMiddleware[KnowhowState, Any, Any]):
    """Lessons go into the system prompt at the start of a run; what its end was worth decides about them.

    ``memory`` is a folder, made where there is none, which several agents, threads and processes may share.
    ``feedback`` gets all messages of a finished run and returns its worth in [0, 1], or None where nobody knows; for
    async agents it may be async, and where it fails that is logged. ``model`` reflects: a LangChain chat model, the
    URI of one, or None for the agent's own. What a tool said may come from anybody, so that lessons from runs with
    tools wait for a person (``knowhow memory review FOLDER``) unless ``trusted_tools``. The other settings are those
    of ``memory/langchain/practice.py:Habits``; ``seed`` makes the choice of what is withheld repeatable.

    Raises: BadSetting, UnknownName, MissingExtra for settings that cannot be used; MemoryDamaged.
    """

    state_schema = KnowhowState

    def __init__(
        self,
        memory: str | Path,
        *,
        feedback: Judge,
        model: BaseChatModel | str | None = None,
        trusted_tools: bool = False,
        seed: int | None = None,
        **habits: Any,
    ) -> None:
        self.tools = []
        try:
            kept = Habits(**habits)
        except TypeError as error:
            raise BadSetting(f"Knowhow: {error}; the settings are those of Habits") from None
        self._feedback, self._trusted = feedback, trusted_tools
        self._model = load_model(model) if isinstance(model, str) else model
        self._own: BaseChatModel | None = None
        self.practice = Practice(Path(memory), self._ask, kept, seed)

    def before_agent(self, state: KnowhowState, runtime: Runtime[Any]) -> dict[str, Any]:
        return {"knowhow": asdict(_apart(self._begun(state)))}

    async def abefore_agent(self, state: KnowhowState, runtime: Runtime[Any]) -> dict[str, Any]:
        return {"knowhow": asdict(await self._begun(state))}

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        return handler(self._taught(request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        return await handler(self._taught(request))

    def after_agent(self, state: KnowhowState, runtime: Runtime[Any]) -> None:
        if self._kept(state, _apart(self._judged(state["messages"])), runtime):
            _apart(self._learn())

    async def aafter_agent(self, state: KnowhowState, runtime: Runtime[Any]) -> None:
        reward = await self._judged(state["messages"])
        if await asyncio.to_thread(self._kept, state, reward, runtime):
            await asyncio.get_running_loop().run_in_executor(None, asyncio.run, self._learn())

    def close(self) -> None:
        """Let go of the folder."""
        self.practice.close()

    async def _judged(self, messages: Sequence[BaseMessage]) -> float | None:
        """What the run was worth, None where the feedback fails: the agent's answer is not lost for that."""
        try:
            return _checked(await _settled(self._feedback(messages)))
        except Exception as error:
            _log.error("the feedback of a run failed, so that nothing is known of its worth: %s", error)
            return None

    async def _begun(self, state: KnowhowState) -> Begun:
        asked = request(state["messages"])
        return await self.practice.begin(asked.text if asked else "", (asked.id or "") if asked else "")

    def _taught(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        self._own = request.model
        given: Any = request.state.get("knowhow")
        text = given["text"] if given else ""
        return request.override(system_message=_with(request.system_message, text)) if text else request

    def _kept(self, state: KnowhowState, reward: float | None, runtime: Runtime[Any]) -> bool:
        given = state.get("knowhow")
        if not given or not state["messages"]:
            return False
        begun = Begun(**{**given, "shown": tuple(given["shown"]), "withheld": tuple(given["withheld"])})
        session = (runtime.execution_info.thread_id or "") if runtime.execution_info else ""

        def make(id: str) -> Trajectory:
            made = episode(state["messages"], begun, reward, id=id, kind=self.practice.habits.kind, session=session)
            return replace(made, outside=made.outside and not self._trusted)

        return self.practice.keep(make)

    async def _learn(self) -> None:
        await self.practice.learn()
        if isinstance(self._model, Model):
            await self._model.aclose()

    async def _ask(self, turn: Turn) -> AIMessage:
        """The model that reflects; one of LangChain's is called in a thread, whatever loop its connections are of."""
        if isinstance(self._model, Model):
            return await self._model(turn)
        chat = self._model or self._own
        if chat is None:
            raise ModelError("there is no model to reflect with; give one by model=")
        asked = chat.bind_tools([dict(tool) for tool in turn.tools]) if turn.tools else chat
        reply = await asyncio.to_thread(asked.invoke, list(turn.messages))
        assert isinstance(reply, AIMessage)
        return reply


def _with(system: SystemMessage | None, text: str) -> SystemMessage:
    """The system message with a text at its end, so that its beginning stays what caches know."""
    if system is None:
        return SystemMessage(text)
    if isinstance(system.content, str):
        return SystemMessage(f"{system.content}\n\n{text}")
    return SystemMessage(content=[*system.content, {"type": "text", "text": text}])


async def _settled(judged: float | Awaitable[float | None] | None) -> float | None:
    return await judged if inspect.isawaitable(judged) else judged


def _checked(reward: object) -> float | None:
    if reward is None:
        return None
    if not isinstance(reward, int | float) or not 0 <= reward <= 1:
        raise BadSetting(f"the feedback of a run was {reward!r}; return a number in [0, 1], or None")
    return float(reward)


def _apart(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, run in a thread of its own: a loop may run here already, and nothing of the agent's
    run (its callbacks, its streams) is to reach what is asked on the side."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
