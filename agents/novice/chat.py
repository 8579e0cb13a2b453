"""The novice as a LangChain chat model: which of its skills a prompt asks for is said by the prompt's own heading."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable

from knowhow.agents.novice.answers import answer as answer_to
from knowhow.agents.novice.attempts import read_attempt
from knowhow.agents.novice.checklist import check, write
from knowhow.agents.novice.commands import content_words, mentions
from knowhow.agents.novice.craft import craft
from knowhow.agents.novice.curate import curate
from knowhow.agents.novice.design import design
from knowhow.agents.novice.examples import explain
from knowhow.agents.novice.manual import build, consolidate, diagnose, formulate
from knowhow.agents.novice.play import choose
from knowhow.agents.novice.reading import Situation, read_situation
from knowhow.agents.novice.reflect import notes_for_retry, reflect
from knowhow.agents.novice.sections import section
from knowhow.agents.novice.strategies import guide
from knowhow.environments.calls import command_argument, parse_call, render_call, tool_name
from knowhow.environments.types import Tool, ToolCall

CHARACTERS_A_TOKEN = 4


class NoviceChat(BaseChatModel):
    """Deterministic for the same messages and ``seed``. Tokens, of tools as well, are counted as characters over
    four."""

    seed: int = 0

    @property
    def _llm_type(self) -> str:
        return "novice"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self.bind(tools=list(tools), **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        seed = kwargs.get("seed")
        tools = () if kwargs.get("tool_choice") == "none" else kwargs.get("tools") or ()
        reply = answer(messages, tools, self.seed if seed is None else seed)
        return ChatResult(generations=[ChatGeneration(message=reply)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages, stop, None, **kwargs)


def answer(messages: Sequence[BaseMessage], tools: Sequence[Tool], seed: int) -> AIMessage:
    """The novice's reply: a tool call where tools are offered, else what the last message's heading asks for."""
    if tools:
        reply = _act(messages, tools, seed)
    else:
        prompt = str(messages[-1].text)
        heading = re.match(r"# (\w+)", prompt)
        reply = AIMessage(_SKILLS.get(heading[1] if heading else "", _nothing_to_say)(prompt))
    offered = sum(len(json.dumps(tool)) for tool in tools)
    read = (offered + sum(len(message.text) for message in messages)) // CHARACTERS_A_TOKEN
    written = (len(reply.text) + len(json.dumps(reply.tool_calls, default=str))) // CHARACTERS_A_TOKEN
    reply.usage_metadata = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
    return reply


def _act(messages: Sequence[BaseMessage], tools: Sequence[Tool], seed: int) -> AIMessage:
    situation = read_situation(messages, tools)
    choice = choose(situation, seed)
    if not choice.command:
        return _answer(situation, tools, seed) or _guess(situation.goal, tools, seed)
    return _call(parse_call(choice.command, tools), f"Next: {choice.command}.", choice.lessons, situation, seed)


def _answer(situation: Situation, tools: Sequence[Tool], seed: int) -> AIMessage | None:
    """Where one text is all that can be given, and nothing was tried yet, the task is a question."""
    bare = command_argument(tools)
    if bare is None or situation.moves:
        return None
    text, lesson = answer_to(situation.goal, situation.lessons.answers, Random(f"{seed}/{situation.goal}"))
    return _call(ToolCall(bare[0], {bare[1]: text}), "An answer.", (lesson,), situation, seed) if text else None


def _call(call: ToolCall, said: str, lessons: Sequence[str], situation: Situation, seed: int) -> AIMessage:
    """The reply that makes a call and cites the lessons that led to it."""
    used = dict.fromkeys(lesson for lesson in (situation.rewrite, *lessons) if lesson)
    digest = hashlib.sha256(f"{seed}/{len(situation.moves)}/{render_call(call)}".encode()).hexdigest()[:12]
    made = {"name": call.name, "args": dict(call.arguments), "id": f"call-{digest}", "type": "tool_call"}
    return AIMessage(said + "".join(f" [{lesson}]" for lesson in used), tool_calls=[made])


def _guess(goal: str, tools: Sequence[Tool], seed: int) -> AIMessage:
    """Where no command is listed, a tool is called with words of the goal."""
    rng = Random(f"{seed}/{goal}")
    function = rng.choice(list(tools))["function"]
    words = content_words(goal) or ["nothing"]
    properties = function.get("parameters", {}).get("properties", {})
    arguments = {name: _value(schema, rng.choice(words)) for name, schema in properties.items()}
    made = {
        "name": tool_name({"function": function}),
        "args": arguments,
        "id": f"call-{rng.randrange(10**9)}",
        "type": "tool_call",
    }
    return AIMessage("Nothing advises; this is a guess.", tool_calls=[made])


def _value(schema: dict[str, Any], word: str) -> Any:
    kinds: dict[str, Any] = {
        "integer": len(word),
        "number": float(len(word)),
        "boolean": True,
        "array": [word],
        "object": {},
    }
    return schema["enum"][0] if schema.get("enum") else kinds.get(schema.get("type", "string"), word)


def _judge(prompt: str) -> str:
    """The attempt whose last command names most of the goal; achieved where it names at least two of its words."""
    words = content_words(section(prompt, "Task"))
    attempts = re.findall(r"^# Attempt \d+\n(.*?)(?=^# |\Z)", prompt, re.MULTILINE | re.DOTALL)
    last = [read_attempt(attempt)[-1:] for attempt in attempts]
    named = [sum(mentions(word, step.command) for step in steps for word in words) for steps in last]
    best = max(range(len(named)), key=named.__getitem__, default=0)
    achieved = bool(named) and named[best] >= 2
    return json.dumps(
        {"reasoning": "The last commands were compared with the goal.", "best": best + 1, "achieved": achieved}
    )


def _stop(prompt: str) -> str:
    return "STOP"


def _nothing_to_say(prompt: str) -> str:
    return "I have nothing to say to this."


_SKILLS: dict[str, Callable[[str], str]] = {
    "Skill": craft,
    "Reflector": reflect,
    "Curator": curate,
    "Judge": _judge,
    "Checklist": write,
    "Check": check,
    "Retry": notes_for_retry,
    "Critique": _stop,
    "Explainer": explain,
    "Diagnosis": diagnose,
    "Builder": build,
    "Consolidator": consolidate,
    "Formulator": formulate,
    "Guide": guide,
    "Environment": design,
}
