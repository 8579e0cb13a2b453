"""A local model as LangChain's kind of chat model."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, InvalidToolCall, convert_to_openai_messages
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.messages.tool import ToolCall as MadeCall
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, Field

from knowhow.agents.local.chat import Chat, Reply
from knowhow.agents.local.conversations import Prompt
from knowhow.agents.local.hermes import Call
from knowhow.agents.local.tool_choice import chosen
from knowhow.agents.local.types import Sampling
from knowhow.agents.samples import KEY, sampled


class LocalChat(BaseChatModel):
    """A base model, or one of its adapters, at ``label``; what it does not say is as in ``Sampling``.

    A call may bring ``seed``, ``temperature``, ``top_p``, ``max_tokens``, ``stop``, ``tools`` and
    ``tool_choice``. A reply's
    ``response_metadata`` tells its tokens (``agents/samples.py``) and why it ended.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    chat: Chat = Field(exclude=True, repr=False)
    adapter: str = ""
    label: str = ""
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int | None = None
    seed: int | None = None

    @property
    def _llm_type(self) -> str:
        return "knowhow-local"

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], **settings: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **settings)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **settings: Any,
    ) -> ChatResult:
        prompt, tools = self._prompt(messages, settings)
        generated = self.chat.engine.submit(prompt.ids, self._sampling(stop, settings), self.adapter).result()
        return self._result(self.chat.reply(prompt, generated, tools=tools))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **settings: Any,
    ) -> ChatResult:
        prompt, tools = self._prompt(messages, settings)
        return self._result(await self.chat.answer(prompt, self._sampling(stop, settings), self.adapter, tools=tools))

    def _prompt(self, messages: list[BaseMessage], settings: Mapping[str, Any]) -> tuple[Prompt, bool]:
        """The prompt, and whether its reply may make calls."""
        told = convert_to_openai_messages(messages)
        tools, begun = chosen(settings.get("tools") or (), settings.get("tool_choice"))
        return self.chat.prompt(told if isinstance(told, list) else [told], tools, begun), bool(tools)

    def _sampling(self, stop: list[str] | None, settings: Mapping[str, Any]) -> Sampling:
        given = {name: settings.get(name) for name in ("temperature", "top_p", "max_tokens", "seed")}
        chosen = {name: getattr(self, name) if value is None else value for name, value in given.items()}
        if chosen["seed"] is None:
            chosen["seed"] = random.getrandbits(31)
        return Sampling(**chosen, stop=tuple(stop or ()))

    def _result(self, reply: Reply) -> ChatResult:
        made = reply.generated
        message = AIMessage(
            reply.content,
            tool_calls=[_call(call, id) for call, id in zip(reply.calls, reply.ids, strict=True) if call.valid],
            invalid_tool_calls=[
                _odd(call, id) for call, id in zip(reply.calls, reply.ids, strict=True) if not call.valid
            ],
            usage_metadata=UsageMetadata(
                input_tokens=len(made.prompt),
                output_tokens=len(made.tokens),
                total_tokens=len(made.prompt) + len(made.tokens),
                input_token_details=InputTokenDetails(cache_read=made.cached),
            ),
            response_metadata={
                "finish_reason": made.finish,
                "model_name": self.label,
                KEY: sampled(made.prompt, made.ids, made.logprobs, self.label),
            },
        )
        return ChatResult(generations=[ChatGeneration(message=message)])


def _call(call: Call, id: str) -> MadeCall:
    return MadeCall(name=call.name, args=json.loads(call.arguments), id=id, type="tool_call")


def _odd(call: Call, id: str) -> InvalidToolCall:
    fault = "its arguments are no valid JSON object"
    return InvalidToolCall(name=call.name, args=call.arguments, id=id, error=fault, type="invalid_tool_call")
