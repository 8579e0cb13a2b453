"""Models by URI, against a real HTTP server on loopback: retries, metering, the reply cache, and tool calls as text."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatResult
from openai_server import TRUNCATED, Fault, OpenAIServer, Reply

from knowhow.agents.cache import ReplyCache, reply_key
from knowhow.agents.metering import Budget, Meter, estimate
from knowhow.agents.model import Model, load_model, parse_uri
from knowhow.agents.prices import free, linear
from knowhow.agents.retries import Retries
from knowhow.agents.tool_text import as_text, read_calls
from knowhow.agents.types import Turn
from knowhow.environments.calls import tool
from knowhow.environments.errors import BadSetting, BudgetExceeded, ModelError, UnknownName
from knowhow.environments.types import Usage

DO = tool("do", "Do something in the house.", command="what to do")
CLICK = tool("click", "Click an element.", ref="the element")
GO = tool("goto", "Open a page.", url="where")
TURN = Turn((SystemMessage("You act."), HumanMessage("Find the mug.")), (DO,), seed=3)
LOOK = Reply("I look.", [("do", {"command": "look"})])


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., Model]]:
    """``load_model`` with quick retries; the models are closed after the test."""
    models: list[Model] = []

    def load(uri: str, **settings: Any) -> Model:
        models.append(load_model(uri, **{"backoff_s": 0.01, **settings}))
        return models[-1]

    yield load
    for model in models:
        await model.aclose()


def script(*answers: str | Reply | Fault) -> Callable[[dict[str, Any], int], str | Reply | Fault]:
    """The answers in turn, the last one for ever."""
    return lambda request, index: answers[min(index, len(answers) - 1)]


# --- failures that pass ---


PASSING = {
    "429": Fault(429, "slow down", headers={"Retry-After": "0"}),
    "500": Fault(500),
    "503": Fault(503),
    "408": Fault(408),
    "dropped connection": Fault(dropped=True),
    "truncated JSON": TRUNCATED,
    "HTML instead of JSON": Fault(200, body="<html>busy</html>", headers={"Content-Type": "text/html"}),
    "no choices": Fault(200, body='{"object": "chat.completion", "choices": []}'),
    "an error in a 200": Fault(200, body='{"error": {"message": "overloaded"}}'),
    "a body shorter than it says": Fault(200, body='{"choices', headers={"Content-Length": "9000"}, dropped=True),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
async def test_a_passing_failure_is_retried_and_every_request_counted(
    fault: Fault, opened: Callable[..., Model]
) -> None:
    with OpenAIServer(script(fault, fault, LOOK)) as server:
        model = opened(f"vllm:m@{server.url}")
        reply = await model(TURN)
    assert [(call["name"], call["args"]) for call in reply.tool_calls] == [("do", {"command": "look"})]
    assert model.meter.total == Usage(3, 100, 0, 10)
    assert len(server.requests) == 3
    assert server.requests[0] == server.requests[2]


async def test_a_pause_that_the_server_asks_for_is_kept(opened: Callable[..., Model]) -> None:
    arrived: list[float] = []

    def limited(request: dict[str, Any], index: int) -> str | Fault:
        arrived.append(time.monotonic())
        return Fault(429, headers={"Retry-After": "0.3"}) if index == 0 else "fine"

    with OpenAIServer(limited) as server:
        await opened(f"vllm:m@{server.url}")(TURN)
    assert arrived[1] - arrived[0] >= 0.3


async def test_a_request_that_takes_too_long_is_sent_again(opened: Callable[..., Model]) -> None:
    with OpenAIServer(script(Reply("late", delay_s=30), "in time")) as server:
        model = opened(f"vllm:m@{server.url}", timeout_s=2.0)
        assert (await model(TURN)).text == "in time"
    assert model.meter.total.calls == len(server.requests) == 2


# --- failures that last ---


LASTING = {
    "500": (Fault(500, "out of memory"), "HTTP 500, out of memory"),
    "truncated JSON": (TRUNCATED, "the reply is no JSON"),
    "dropped connection": (Fault(dropped=True), "disconnected"),
    "no reply": (Reply(delay_s=30), "no reply within 1.5 s"),
}


@pytest.mark.parametrize(("fault", "cause"), LASTING.values(), ids=LASTING.keys())
async def test_a_failure_that_lasts_is_one_line_with_url_cause_and_tries(
    fault: Fault | Reply, cause: str, opened: Callable[..., Model]
) -> None:
    with OpenAIServer(script(fault)) as server:
        model = opened(f"vllm:m@{server.url}", retries=2, timeout_s=1.5)
        with pytest.raises(ModelError) as caught:
            await model(TURN)
    said = str(caught.value)
    assert server.url in said and cause in said and "3 tries" in said
    assert "\n" not in said
    assert model.meter.total == Usage(calls=3)
    assert len(server.requests) == 3


REFUSED = {
    "400": Fault(400, "messages too long"),
    "401": Fault(401, "wrong key"),
    "404": Fault(404, "no such model"),
    "no quota": Fault(429, "you have no credit", error={"code": "insufficient_quota"}),
    "a pause of an hour": Fault(429, "come back later", headers={"Retry-After": "3600"}),
    "redirect": Fault(307, "moved", headers={"Location": "/elsewhere"}),
}


@pytest.mark.parametrize("fault", REFUSED.values(), ids=REFUSED.keys())
async def test_a_refusal_is_not_retried(fault: Fault, opened: Callable[..., Model]) -> None:
    with OpenAIServer(script(fault)) as server:
        model = opened(f"vllm:m@{server.url}")
        with pytest.raises(ModelError, match=f"HTTP {fault.status}, {fault.message}"):
            await model(TURN)
    assert model.meter.total.calls == len(server.requests) == 1


async def test_a_port_that_nobody_answers_fails_soon_and_counts_no_call(opened: Callable[..., Model]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    model = opened(f"vllm:m@{url}", meter=Meter(Budget(calls=1)))
    with pytest.raises(ModelError, match=r"nobody answers there .*3 tries") as caught:
        await model(TURN)
    assert url in str(caught.value)
    assert model.meter.total == Usage()


async def test_a_mistake_in_a_model_of_this_process_is_neither_retried_nor_hidden() -> None:
    class Broken(BaseChatModel):
        asked: int = 0
        _llm_type = "broken"

        def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
            self.asked += 1
            raise ValueError("a mistake in the code")

    chat = Broken()
    model = Model(
        "broken", chat, Broken, price=free, meter=Meter(), text_tools=False, cache=None, retries=Retries(), timeout_s=9
    )
    with pytest.raises(ValueError, match="a mistake in the code"):
        await model(replace(TURN, tools=()))
    assert chat.asked == 1


async def test_cancelling_goes_through_and_the_request_stays_counted(opened: Callable[..., Model]) -> None:
    arrived, loop = asyncio.Event(), asyncio.get_running_loop()

    def held(request: dict[str, Any], index: int) -> Reply:
        loop.call_soon_threadsafe(arrived.set)
        return Reply(delay_s=30)

    with OpenAIServer(held) as server:
        model = opened(f"vllm:m@{server.url}")
        task = asyncio.create_task(model(TURN))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert model.meter.total == Usage(calls=1)


# --- budget and meter ---


async def test_the_budget_of_calls_is_exact_under_concurrency_and_faults(opened: Callable[..., Model]) -> None:
    def faulty(request: dict[str, Any], index: int) -> str | Reply | Fault:
        faults: dict[int, Reply | Fault] = {
            1: Fault(500),
            3: TRUNCATED,
            5: Fault(429, headers={"Retry-After": "0.01"}),
            7: Fault(dropped=True),
            8: Reply(calls=[("fly", "{not json")]),
        }
        return Reply("late", delay_s=60) if index == 50 else faults.get(index % 10, LOOK)

    meter = Meter(Budget(calls=150))
    refused = 0

    async def episode() -> None:
        nonlocal refused
        try:
            while True:
                await model(TURN)
        except BudgetExceeded as error:
            assert "150 model calls" in str(error)
            refused += 1

    with OpenAIServer(faulty) as server:
        model = opened(f"vllm:m@{server.url}", meter=meter, retries=50, timeout_s=3)
        await asyncio.gather(*(episode() for _ in range(32)))
    assert len(server.requests) == 150 == meter.total.calls
    assert refused == 32


async def test_a_retry_counts_against_the_budget(opened: Callable[..., Model]) -> None:
    with OpenAIServer(script(Fault(500))) as server:
        model = opened(f"vllm:m@{server.url}", meter=Meter(Budget(calls=2)))
        with pytest.raises(BudgetExceeded):
            await model(TURN)
    assert len(server.requests) == 2


@pytest.mark.parametrize("budget", [Budget(tokens=2000), Budget(usd=0.002)], ids=["tokens", "usd"])
async def test_tokens_and_dollars_are_passed_by_less_than_what_was_unknown_at_the_start(
    budget: Budget, opened: Callable[..., Model]
) -> None:
    meter = Meter(budget)
    with OpenAIServer(script(LOOK)) as server:
        model = opened(f"vllm:m@{server.url}?input_usd=1&output_usd=1", meter=meter)

        async def episode() -> None:
            with suppress(BudgetExceeded):
                while True:
                    await model(TURN)

        await episode()
        alone = meter.total
        await asyncio.gather(*(episode() for _ in range(16)))
    assert alone == meter.total
    assert 1890 <= alone.tokens <= 2000 + 110
    assert alone.cost_usd == pytest.approx(alone.tokens / 1e6)


def test_what_is_in_flight_counts_against_tokens_and_dollars() -> None:
    meter = Meter(Budget(tokens=250, usd=1.0))
    guess = Usage(0, 90, 0, 10, 0.2)
    first, second = meter.reserve(guess), meter.reserve(guess)
    with pytest.raises(BudgetExceeded, match="250 tokens is used up: 0 spent, 200 in flight"):
        meter.reserve(guess)
    with first, second:
        first.answered(Usage(0, 10, 0, 5, 0.01))
        second.answered(Usage(0, 10, 0, 5, 0.01))
    with (
        meter.reserve(guess),
        pytest.raises(BudgetExceeded, match=r"\$1 is used up: \$0.0200 spent, \$0.2000 in flight"),
    ):
        meter.reserve(Usage(cost_usd=0.9))
    assert meter.total == Usage(3, 20, 0, 10, 0.02)


@given(st.integers(0, 30), st.lists(st.sampled_from(["answered", "failed", "never sent"])))
def test_the_meter_never_lets_more_calls_through_than_the_budget_has(limit: int, fates: list[str]) -> None:
    meter, sent = Meter(Budget(calls=limit)), 0
    for fate in fates:
        try:
            with meter.reserve() as request:
                assert sent < limit
                sent += fate != "never sent"
                if fate == "answered":
                    request.answered(Usage(0, 3, 1, 2))
                elif fate == "never sent":
                    request.never_sent()
        except BudgetExceeded:
            assert sent == limit
    assert meter.total.calls == sent


def test_a_restored_meter_goes_on_where_it_stopped() -> None:
    meter = Meter(Budget(calls=10), spent=Usage(9, 500, 0, 50))
    with meter.reserve() as request:
        request.answered(Usage(0, 5, 0, 1))
    assert meter.total == Usage(10, 505, 0, 51)
    with pytest.raises(BudgetExceeded):
        meter.reserve()


@pytest.mark.parametrize("limits", [{"calls": -1}, {"tokens": -5}, {"usd": float("nan")}])
def test_a_budget_below_nothing_is_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match=next(iter(limits))):
        Budget(**limits)


async def test_scopes_nest_and_tell_concurrent_tasks_apart(opened: Callable[..., Model]) -> None:
    with OpenAIServer(script(LOOK)) as server:
        model = opened(f"vllm:m@{server.url}")

        async def episode(calls: int) -> Usage:
            with model.meter.scope() as scope:
                for _ in range(calls):
                    await model(TURN)
            return scope.usage

        with model.meter.scope() as outer:
            await model(TURN)
            inner = await asyncio.gather(episode(1), episode(2), episode(5))
        await model(TURN)
    assert [usage.calls for usage in inner] == [1, 2, 5]
    assert [usage.prompt_tokens for usage in inner] == [100, 200, 500]
    assert outer.usage.calls == 9
    assert model.meter.total.calls == 10


def test_a_scope_sees_its_own_meter_only() -> None:
    one, other = Meter(), Meter()
    with one.scope() as scope, other.reserve():
        pass
    assert scope.usage == Usage()
    assert other.total.calls == 1


# --- tokens and prices ---


async def test_cached_tokens_are_counted_and_cost_less(opened: Callable[..., Model]) -> None:
    counted = {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "total_tokens": 1100,
        "prompt_tokens_details": {"cached_tokens": 600},
    }
    with OpenAIServer(script(Reply("hi", usage=counted))) as server:
        model = opened(f"vllm:m@{server.url}?input_usd=1.5&output_usd=6&cached_usd=0.5")
        await model(TURN)
    assert model.meter.total == Usage(1, 1000, 600, 100, (400 * 1.5 + 600 * 0.5 + 100 * 6) / 1e6)
    assert not model.tokens_estimated


async def test_where_a_server_counts_no_tokens_they_are_estimated_and_this_is_said(
    opened: Callable[..., Model],
) -> None:
    with OpenAIServer(script(Reply("x" * 400, usage=None))) as server:
        model = opened(f"vllm:m@{server.url}")
        await model(Turn((HumanMessage("y" * 4000),)))
    assert model.meter.total == Usage(1, 1000, 0, 100)
    assert model.tokens_estimated


def test_list_prices_are_known_offline_and_an_own_model_is_free() -> None:
    assert load_model("openai:gpt-4o-mini", meter=Meter(Budget(usd=1))).price_known
    assert load_model("vllm:m", meter=Meter(Budget(usd=1))).price_known
    assert load_model("novice", meter=Meter(Budget(usd=0))).price_known
    assert load_model("http://192.168.1.5:8000/v1#m", meter=Meter(Budget(usd=1))).price_known
    assert not load_model("openai:no-such-model").price_known
    assert not load_model("https://models.example.com/v1#m").price_known


def test_a_budget_in_dollars_needs_a_price() -> None:
    with pytest.raises(BadSetting, match=r"price of openai:no-such-model is unknown.*input_usd="):
        load_model("openai:no-such-model", meter=Meter(Budget(usd=1)))
    assert load_model("openai:no-such-model?input_usd=1&output_usd=2", meter=Meter(Budget(usd=1))).price_known


def test_an_estimate_bounds_the_calls_of_a_run() -> None:
    usage = estimate(10, 30, 1000, prompt_tokens_step=100, completion_tokens_step=50, price=linear(1, 2))
    assert usage.calls == 300
    assert usage.prompt_tokens == 10 * sum(1000 + 100 * step for step in range(30))
    assert usage.completion_tokens == 300 * 50
    assert usage.cost_usd == pytest.approx((usage.prompt_tokens + 2 * usage.completion_tokens) / 1e6)


# --- tool calls ---


async def test_malformed_tool_calls_come_through_for_the_model_to_mend(opened: Callable[..., Model]) -> None:
    broken = [("do", '{"command": "lo'), ("do", '["look"]')]
    calls: list[tuple[str, Any]] = [("fly", {"to": "moon"}), *broken, ("do", {"command": "look"})]
    with OpenAIServer(script(Reply(calls=calls))) as server:
        model = opened(f"vllm:m@{server.url}")
        reply = await model(TURN)
        answers = [ToolMessage("once more", tool_call_id=f"call_0_{number}") for number in range(4)]
        await model(replace(TURN, messages=(*TURN.messages, reply, *answers)))
    assert [call["name"] for call in reply.tool_calls] == ["fly", "do"]
    assert [call["args"] for call in reply.invalid_tool_calls] == ['{"command": "lo', '["look"]']
    assert model.meter.total.calls == len(server.requests) == 2
    sent = server.requests[1]["messages"][2]["tool_calls"]
    assert {call["id"] for call in sent} == {f"call_0_{number}" for number in range(4)}
    assert all(isinstance(json.loads(call["function"]["arguments"]), dict) for call in sent)


async def test_tools_as_text_go_first_into_the_system_prompt_and_calls_come_back_from_text(
    opened: Callable[..., Model],
) -> None:
    with OpenAIServer(script("I see a shelf.\nAction: take mug 1 from shelf 2")) as server:
        model = opened(f"vllm:m@{server.url}?tools=text")
        reply = await model(TURN)
        after = (
            *TURN.messages,
            reply,
            ToolMessage("You take it.", tool_call_id=reply.tool_calls[0]["id"]),
            HumanMessage("Go on."),
        )
        await model(replace(TURN, messages=after))
    first, second = server.requests
    assert "tools" not in first
    assert reply.tool_calls[0]["args"] == {"command": "take mug 1 from shelf 2"}
    assert [message["role"] for message in second["messages"]] == ["system", "user", "assistant", "user"]
    assert second["messages"][:2] == first["messages"]
    assert second["messages"][2]["content"] == "I see a shelf.\nAction: take mug 1 from shelf 2"
    assert second["messages"][3]["content"] == "Observation: You take it.\n\nGo on."
    system = first["messages"][0]["content"]
    assert system.index("Action: <command>") < system.index("Do something in the house.") < system.index("You act.")


async def test_a_text_reply_is_asked_for_without_taking_the_tools_out_of_the_prompt(
    opened: Callable[..., Model],
) -> None:
    said = "Action: take mug 1 from shelf 2"
    with OpenAIServer(script(*[said] * 4)) as server:
        for uri in (f"vllm:m@{server.url}", f"vllm:m@{server.url}?tools=text"):
            model = opened(uri)
            await model(TURN)
            reply = await model(replace(TURN, calls=False))
            assert (reply.text, reply.tool_calls) == (said, [])
    native, wanted, in_text, also = server.requests
    assert native["tools"] == wanted["tools"] and "tool_choice" not in native
    assert wanted["tool_choice"] == "none"
    assert in_text["messages"] == also["messages"] and "tool_choice" not in also


UNSUPPORTED = {
    "vLLM": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
    "Ollama": "registry.ollama.ai/library/gemma:2b does not support tools",
    "llama.cpp": "tools param requires --jinja flag",
}


@pytest.mark.parametrize("message", UNSUPPORTED.values(), ids=UNSUPPORTED.keys())
async def test_a_server_without_tool_calling_is_noticed_once(message: str, opened: Callable[..., Model]) -> None:
    def toolless(request: dict[str, Any], index: int) -> str | Fault:
        return Fault(400, message) if "tools" in request else "Action: look"

    with OpenAIServer(toolless) as server:
        model = opened(f"vllm:m@{server.url}")
        replies = [await model(TURN), await model(TURN)]
    assert [reply.tool_calls[0]["args"] for reply in replies] == [{"command": "look"}] * 2
    assert ["tools" in request for request in server.requests] == [True, False, False]
    assert model.meter.total.calls == 3


async def test_concurrent_callers_all_get_past_a_server_without_tool_calling(opened: Callable[..., Model]) -> None:
    def toolless(request: dict[str, Any], index: int) -> Reply | Fault:
        return Fault(400, "does not support tools", delay_s=0.05) if "tools" in request else Reply("Action: look")

    with OpenAIServer(toolless) as server:
        model = opened(f"vllm:m@{server.url}")
        replies = await asyncio.gather(*(model(TURN) for _ in range(8)))
    assert all(reply.tool_calls for reply in replies)
    assert model.meter.total.calls == len(server.requests)


async def test_a_temperature_that_a_model_does_not_take_is_left_out(opened: Callable[..., Model]) -> None:
    def fixed(request: dict[str, Any], index: int) -> str | Fault:
        refusal = Fault(
            400,
            "Unsupported value: 'temperature' does not support 0.7 with this model.",
            error={"param": "temperature", "code": "unsupported_value"},
        )
        return refusal if "temperature" in request else "fine"

    with OpenAIServer(fixed) as server:
        model = opened(f"vllm:m@{server.url}")
        replies = [await model(replace(TURN, temperature=0.7)) for _ in range(2)]
    assert [reply.text for reply in replies] == ["fine", "fine"]
    assert ["temperature" in request for request in server.requests] == [True, False, False]
    assert all("tools" in request and request["seed"] == 3 for request in server.requests)


async def test_another_refusal_does_not_turn_tools_into_text(opened: Callable[..., Model]) -> None:
    with OpenAIServer(
        script(Fault(400, "An assistant message with 'tool_calls' must be followed by tool messages"))
    ) as server:
        model = opened(f"vllm:m@{server.url}")
        with pytest.raises(ModelError, match="must be followed by tool messages"):
            await model(TURN)
    assert len(server.requests) == 1


BARE, MANY = (DO,), (CLICK, GO)
TEXTS: dict[str, tuple[str, tuple[Any, ...], list[Any]]] = {
    "a command": ("I look around.\nAction: look", BARE, [{"command": "look"}]),
    "in bold and backticks": ("**Action:** `open fridge 1`", BARE, [{"command": "open fridge 1"}]),
    "on the next line": ("Action:\ngo to shelf 1", BARE, [{"command": "go to shelf 1"}]),
    "as the whole reply": ("take mug 1 from shelf 2", BARE, [{"command": "take mug 1 from shelf 2"}]),
    "after thinking": ("<think>Action: sleep</think>Action: look", BARE, [{"command": "look"}]),
    "before an invented observation": (
        "Action: look\nObservation: a mug\nAction: take mug",
        BARE,
        [{"command": "look"}],
    ),
    "several": ("Action: look\nAction: inventory", BARE, [{"command": "look"}, {"command": "inventory"}]),
    "prose only": ("I wonder.\nWhere may it be?", BARE, []),
    "nothing": ("", BARE, []),
    "a call": ('I click.\nAction: click(ref="e17")', MANY, [{"ref": "e17"}]),
    "a call without the word": ('Next:\nclick(ref="e17")', MANY, [{"ref": "e17"}]),
    "prose among several tools": ("I am done", MANY, []),
    "fenced JSON": ('```json\n{"name": "goto", "arguments": {"url": "a.org"}}\n```', MANY, [{"url": "a.org"}]),
    "tagged JSON": (
        '<tool_call>\n{"name": "goto", "arguments": {"url": "a.org"}}\n</tool_call>',
        MANY,
        [{"url": "a.org"}],
    ),
    "an unknown tool in JSON": ('```\n{"name": "fly", "arguments": {"to": "x"}}\n```', MANY, [{"to": "x"}]),
}


@pytest.mark.parametrize(("text", "tools", "arguments"), TEXTS.values(), ids=TEXTS.keys())
def test_calls_are_read_from_text(text: str, tools: tuple[Any, ...], arguments: list[Any]) -> None:
    reply = read_calls(AIMessage(text), tools)
    assert [call["args"] for call in reply.tool_calls] == arguments
    assert not reply.invalid_tool_calls
    assert reply.text == text


@pytest.mark.parametrize(
    "text",
    [
        "Action: fly(to='moon')",
        "Action: click(",
        "Action: click('e17')",
        '```json\n{"name": "click", "arguments": }\n```',
        '```json\n{"name": "click", "arguments": "e17"}\n```',
    ],
)
def test_a_call_that_cannot_be_read_says_why(text: str) -> None:
    reply = read_calls(AIMessage(text), MANY)
    assert not reply.tool_calls
    assert len(reply.invalid_tool_calls) == 1
    assert reply.invalid_tool_calls[0]["error"]


@given(st.text())
def test_reading_calls_never_fails(text: str) -> None:
    for tools in (BARE, MANY):
        reply = read_calls(AIMessage(text), tools, turn=4)
        ids = [call["id"] for call in (*reply.tool_calls, *reply.invalid_tool_calls)]
        assert len(set(ids)) == len(ids)
        as_text([HumanMessage("go"), reply, *(ToolMessage("no", tool_call_id=str(id)) for id in ids)], tools)


def test_a_call_made_elsewhere_is_written_out_in_the_history() -> None:
    made = AIMessage("I click.", tool_calls=[{"name": "click", "args": {"ref": "e17"}, "id": "1"}])
    plain = as_text([HumanMessage("go"), made, ToolMessage("clicked", tool_call_id="1")], MANY)
    assert [message.content for message in plain[1:]] == [
        "go",
        'I click.\nAction: click(ref="e17")',
        "Observation: clicked",
    ]


# --- reply cache ---


async def test_a_kept_reply_costs_no_call(tmp_path: Path, opened: Callable[..., Model]) -> None:
    with OpenAIServer(script(LOOK, "something else")) as server:
        first = opened(f"vllm:m@{server.url}", cache=tmp_path / "replies.db")
        asked = await first(TURN)
        again = opened(f"vllm:m@{server.url}", cache=tmp_path / "replies.db", meter=Meter(Budget(calls=0)))
        kept = await again(TURN)
    assert (kept.text, kept.tool_calls, kept.usage_metadata) == (asked.text, asked.tool_calls, asked.usage_metadata)
    assert len(server.requests) == 1
    assert again.meter.total == Usage()
    assert (first.meter.cache_hits, again.meter.cache_hits) == (0, 1)


def test_the_key_of_a_reply_holds_all_that_decides_it_and_nothing_else() -> None:
    said = AIMessage("ok", tool_calls=[{"name": "do", "args": {"command": "look"}, "id": "1"}], id="run-1")
    turn = replace(TURN, messages=(*TURN.messages, said))
    other = [
        replace(turn, seed=4),
        replace(turn, temperature=0.5),
        replace(turn, tools=()),
        replace(turn, calls=False),
        TURN,
        replace(turn, messages=(*TURN.messages, said.model_copy(update={"tool_calls": []}))),
    ]
    keys = [reply_key("m", turn), reply_key("n", turn), *(reply_key("m", each) for each in other)]
    assert len(set(keys)) == len(keys)
    assert reply_key("m", turn) == reply_key(
        "m", replace(turn, messages=(*TURN.messages, said.model_copy(update={"id": "run-2"})))
    )


KEEPER = """
import sys
from pathlib import Path
from langchain_core.messages import AIMessage
from knowhow.agents.cache import ReplyCache
cache = ReplyCache(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 100000, 3):
    cache.put(str(number), AIMessage(str(number)))
    print(number, flush=True)
"""


def test_kept_replies_survive_a_kill_of_several_writers(tmp_path: Path) -> None:
    path = tmp_path / "replies.db"
    writers = [
        subprocess.Popen([sys.executable, "-c", KEEPER, str(path), str(number)], stdout=subprocess.PIPE)
        for number in range(3)
    ]
    acknowledged = [writer.stdout.readline() for _ in range(20) for writer in writers if writer.stdout]
    for writer in writers:
        os.kill(writer.pid, signal.SIGKILL)
    for writer in writers:
        acknowledged += writer.communicate()[0].splitlines(keepends=True)
    numbers = [line.strip().decode() for line in acknowledged if line.endswith(b"\n")]
    cache = ReplyCache(path)
    replies = [cache.get(number) for number in numbers]
    assert len(numbers) >= 60
    assert [reply and reply.text for reply in replies] == numbers


def test_a_file_that_is_no_cache_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes, and long enough to be no empty database " * 20)
    before = path.read_bytes()
    with pytest.raises(BadSetting, match=r"notes\.txt"):
        ReplyCache(path)
    assert path.read_bytes() == before


# --- URIs ---


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("novice", ("novice", "", {})),
        (
            "openai:gpt-x?temperature=0.7&max_tokens=512",
            ("openai", "gpt-x", {"temperature": "0.7", "max_tokens": "512"}),
        ),
        ("vllm:org/m:8b@http://h:1/v1?tools=text", ("vllm", "org/m:8b@http://h:1/v1", {"tools": "text"})),
        ("http://h:1/v1#m?top_p=1", ("http", "//h:1/v1#m", {"top_p": "1"})),
        ("http://h:1/v1?top_p=1#m", ("http", "//h:1/v1#m", {"top_p": "1"})),
    ],
)
def test_a_uri_is_scheme_name_and_options(uri: str, parts: tuple[str, str, dict[str, str]]) -> None:
    assert parse_uri(uri) == parts


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("", "is no model"),
        ("vllm:", "names no model"),
        ("vllm:org/m@127.0.0.1:8000", r"'127.0.0.1:8000' is no URL; write it as in NAME@http://"),
        ("vllm:m@gpu-7/v1", "'gpu-7/v1' is no URL"),
        ("vllm:m?temperature=hot", "temperature=hot is no float"),
        ("vllm:m?max_tokens=-1", "max_tokens=-1 is below 0"),
        ("vllm:m?colour=red", "no model option 'colour'"),
        ("vllm:m?temperature", "cannot be read"),
        ("vllm:m?tools=maybe", "neither native nor text"),
        ("vllm:m?input_usd=1", "need input_usd and output_usd"),
        ("vllm:m?input_usd=a&output_usd=b", "no numbers"),
    ],
)
def test_a_bad_uri_says_what_is_wrong(uri: str, said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        load_model(uri)


def test_an_unknown_scheme_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean openai"):
        load_model("opnai:gpt-x")


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(BadSetting, match="OPENAI_API_KEY is not set"):
        load_model("openai:gpt-4o-mini")
    with pytest.raises(BadSetting, match="MY_KEY is not set"):
        load_model("https://models.example.com/v1#m?key=MY_KEY")


async def test_options_and_key_reach_the_server(monkeypatch: pytest.MonkeyPatch, opened: Callable[..., Model]) -> None:
    with OpenAIServer(script("hi")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        await opened("openai:gpt-x?temperature=0.2&max_tokens=64")(TURN)
        await opened("openai:gpt-x?temperature=0.2")(replace(TURN, temperature=0.9))
    first, second = server.requests
    assert first["model"] == "gpt-x" and first["temperature"] == 0.2
    assert first["max_tokens"] == 64
    assert second["temperature"] == 0.9
    assert server.headers[0]["authorization"] == "Bearer sk-test"


async def test_no_key_is_sent_to_a_server_that_was_not_meant_to_get_it(opened: Callable[..., Model]) -> None:
    with OpenAIServer(script("hi")) as server:
        await opened(f"vllm:m@{server.url}")(TURN)
        await opened(f"{server.url}#m")(TURN)
    assert not any("sk-test" in str(headers) for headers in server.headers)


async def test_a_bare_url_takes_the_only_model_and_asks_which_of_several(opened: Callable[..., Model]) -> None:
    with OpenAIServer(script("hi"), models=["only"]) as server:
        await opened(server.url)(TURN)
    assert server.requests[0]["model"] == "only"
    with OpenAIServer(script("hi"), models=["one", "two"]) as server:
        with pytest.raises(BadSetting, match="offers one, two; name one"):
            load_model(server.url)
        await opened(f"{server.url}#two")(TURN)
    assert server.requests[0]["model"] == "two"


def test_a_bare_url_that_nobody_answers_is_one_line() -> None:
    with pytest.raises(ModelError, match=r"127\.0\.0\.1:9/v1/models lists no models .*refused"):
        load_model("http://127.0.0.1:9/v1")


def test_a_model_serves_one_event_loop_after_another() -> None:
    with OpenAIServer(script("hi")) as server:
        model = load_model(f"vllm:m@{server.url}", retries=0)

        async def ask() -> str:
            reply = await model(TURN)
            await model.aclose()
            return reply.text

        async def ask_and_leave_open() -> str:
            return (await model(TURN)).text

        assert [asyncio.run(ask_and_leave_open()), asyncio.run(ask()), asyncio.run(ask())] == ["hi"] * 3
    assert model.meter.total.calls == 3


def test_importing_models_loads_no_client() -> None:
    heavy = {"langchain_openai", "openai", "chromadb", "genai_prices", "langgraph"}
    code = f"import sys, knowhow.agents.model; print(*(set(sys.modules) & {heavy}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
