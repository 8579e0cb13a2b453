"""One episode as a LangGraph graph: ``recall -> decide -> act -> decide -> ...`` until the world or a limit ends it.

The graph is compiled once a process; what one episode needs travels in the graph's context. Whatever fails inside an
episode becomes its ``stop`` reason and ``error``; only cancellation (Ctrl-C) goes through.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol, TypedDict

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    convert_to_openai_messages,
)

from knowhow.agents import tracing
from knowhow.agents.abilities import perform
from knowhow.agents.confidence import confidence
from knowhow.agents.prompt import render
from knowhow.agents.samples import samples
from knowhow.agents.seeds import child_seed
from knowhow.agents.sight import pictures, seen
from knowhow.agents.transcript import observation_text
from knowhow.agents.types import Attempt, Decider, Query, Recall, Recalled, Start, Turn, nothing
from knowhow.environments.blame import blamed
from knowhow.environments.calls import check_call, tool_name
from knowhow.environments.errors import BudgetExceeded, EngineFailed, KnowhowError
from knowhow.environments.feedback import check_feedback
from knowhow.environments.redact import redacted
from knowhow.environments.types import (
    Environment,
    Feedback,
    Step,
    StopReason,
    Suite,
    Task,
    Tool,
    ToolCall,
    Trajectory,
    Usage,
)
from knowhow.environments.worker import ENGINE_TRIES

MOST_BAD_REPLIES = 3
_CITATION = re.compile(r"\[([a-z]+-\d+)\]")


class Meter(Protocol):
    """What an episode needs of ``metering.Meter``: the usage of what happens inside a scope."""

    def scope(self) -> Any: ...


@dataclass(frozen=True)
class Agent:
    """Who plays: how it decides and recalls, and the labels that its trajectories carry.

    ``tag`` tells equal episodes of different phases of a run apart.
    """

    decide: Decider
    meter: Meter
    recall: Recall = nothing
    model: str = ""
    method: str = ""
    memory_version: int = 0
    tag: str = ""


@dataclass(frozen=True)
class _Context:
    task: Task
    start: Start
    env: Environment
    tools: tuple[Tool, ...]
    agent: Agent
    max_steps: int


class _State(TypedDict, total=False):
    messages: tuple[BaseMessage, ...]
    recalled: Recalled
    decide: Decider
    tools: tuple[Tool, ...]
    first: Feedback
    feedback: Feedback
    steps: tuple[Step, ...]
    reply: AIMessage
    bad_replies: int
    stop: StopReason | None
    error: str
    engine_failed: bool


def play(suite: Suite, agent: Agent) -> Attempt:
    """The plain attempt: one episode of a task of ``suite``, played by ``agent``.

    Where the engine fails it is played again from its start, with a fresh one, up to ``ENGINE_TRIES`` times; the
    trajectory counts them as its ``attempts``, and its usage covers all.
    """

    async def attempt(task: Task, start: Start) -> Trajectory:
        began = time.perf_counter()
        with tracing.episode(task, start.seed, agent.model) as span, agent.meter.scope() as scope:
            tries = 1
            while (state := await _run(suite, agent, task, start)).get("engine_failed") and tries < ENGINE_TRIES:
                tries += 1
            seconds = time.perf_counter() - began
            played = _trajectory(agent, task, start, state, scope.usage, seconds, suite.outside)
            _tell(span, played)
        return replace(played, attempts=tries)

    return attempt


def _tell(span: tracing.Span, played: Trajectory) -> None:
    span.used(played.usage)
    span.tell(
        gen_ai__conversation__id=played.id,
        knowhow__reward=played.reward,
        knowhow__stop=str(played.stop),
        knowhow__steps=len(played.steps),
        knowhow__memory__version=played.memory_version,
    )
    if played.stop is StopReason.ERROR:
        span.failed(played.error.partition(":")[0], played.error)


async def _run(suite: Suite, agent: Agent, task: Task, start: Start) -> _State:
    try:
        async with suite.open(task, seed=start.seed) as env:
            first = await env.reset()
            context = _Context(task, start, env, tuple(env.tools), agent, suite.max_steps)
            opening: _State = {
                "first": first,
                "feedback": first,
                "steps": (),
                "bad_replies": 0,
                "stop": None,
                "error": "",
            }
            # A thread of its own and no checkpointer: inside a graph that has one (the evolution loop), each step of an
            # episode would be written to it.
            config = {"recursion_limit": 2 * suite.max_steps + 10, "configurable": {"thread_id": task.id}}
            state: _State = await _graph().ainvoke(opening, context=context, config=config)
            return state
    except Exception as error:
        return {"first": Feedback(""), "steps": (), "messages": (), **_failed(error)}


async def _recall(state: _State, runtime: Any) -> _State:
    context: _Context = runtime.context
    try:
        query = Query(context.task, state["first"].observation, context.start.seed)
        with tracing.recall(context.task) as span:
            recalled = await context.agent.recall(query)
            span.tell(knowhow__shown=list(recalled.shown), knowhow__withheld=list(recalled.withheld))
        replayed = await _replay(context, state["first"])
    except Exception as error:
        return {"messages": (), **_failed(error)}
    return {
        "recalled": recalled,
        "decide": recalled.manner(context.agent.decide) if recalled.manner else context.agent.decide,
        "tools": (*context.tools, *(ability.tool for ability in recalled.abilities)),
        "messages": _opening(context, recalled, state["first"]) + replayed["messages"],
        "steps": replayed["steps"],
        "feedback": replayed["feedback"],
        "stop": _stop(replayed["feedback"], replayed["steps"], context),
    }


async def _decide(state: _State, runtime: Any) -> _State:
    context: _Context = runtime.context
    seed = child_seed(context.start.seed, context.start.attempt)
    try:
        reply = await state["decide"](Turn(state["messages"], state["tools"], seed))
    except Exception as error:
        return _failed(error)
    return {"reply": reply, "messages": (*state["messages"], reply)}


async def _act(state: _State, runtime: Any) -> _State:
    if state["stop"]:  # no reply; asked here, because a conditional edge after ``decide`` would cost more than the node
        return {}
    context: _Context = runtime.context
    reply = state["reply"]
    call, problem = _call_of(reply, state["tools"])
    try:
        step = (
            await _made(call, state, context)
            if call is not None
            else Step(None, replace(state["feedback"], observation=problem, reward=0.0))
        )
        check_feedback(step.feedback, sum(one.feedback.reward for one in state["steps"]))
    except Exception as error:
        return _failed(error)
    feedback, steps = step.feedback, (*state["steps"], replace(step, said=_text(reply)))
    bad = 0 if call is not None else state["bad_replies"] + 1
    stop = StopReason.NO_CALL if bad >= MOST_BAD_REPLIES else _stop(feedback, steps, context)
    return {
        "messages": state["messages"] + _answers(reply, feedback),
        "feedback": feedback,
        "steps": steps,
        "bad_replies": bad,
        "stop": stop,
    }


async def _made(call: ToolCall, state: _State, context: _Context) -> Step:
    """A call of the environment's, or of an ability that memory offered."""
    ability = next((one for one in state["recalled"].abilities if tool_name(one.tool) == call.name), None)
    with tracing.tool(call):
        if ability is None:
            return Step(call, await context.env.step(call))
        left = context.max_steps - _actions(state["steps"])
        return await perform(ability, call, context.env, state["feedback"], left)


def _actions(steps: tuple[Step, ...]) -> int:
    return sum(step.actions for step in steps)


async def _goes_on(state: _State) -> bool:
    # Asynchronous, because LangGraph takes anything else to a thread and back.
    return not state["stop"]


def _stop(feedback: Feedback, steps: tuple[Step, ...], context: _Context) -> StopReason | None:
    if feedback.terminated:
        return StopReason.TERMINATED
    if feedback.truncated:
        return StopReason.TRUNCATED
    return StopReason.MAX_STEPS if _actions(steps) >= context.max_steps else None


def _failed(error: Exception) -> _State:
    told = f"{type(error).__name__}: {error}" if isinstance(error, KnowhowError) else blamed(error)
    return {
        "stop": stop_reason(error),
        "error": redacted(told),
        "engine_failed": isinstance(error, EngineFailed),
    }


def stop_reason(error: Exception) -> StopReason:
    return StopReason.BUDGET if isinstance(error, BudgetExceeded) else StopReason.ERROR


@cache
def _graph() -> Any:
    from langgraph.graph import END, START, StateGraph

    graph: Any = StateGraph(_State, context_schema=_Context)
    graph.add_node("recall", _recall)
    graph.add_node("decide", _decide)
    graph.add_node("act", _act)
    graph.add_edge(START, "recall")
    graph.add_conditional_edges("recall", _goes_on, {True: "decide", False: END})
    graph.add_edge("decide", "act")
    graph.add_conditional_edges("act", _goes_on, {True: "decide", False: END})
    return graph.compile(checkpointer=False)


def _opening(context: _Context, recalled: Recalled, first: Feedback) -> tuple[BaseMessage, ...]:
    memory = f"\n{recalled.text.strip()}\n" if recalled.text.strip() else ""
    hint = render("hint", hint=context.start.hint) if context.start.hint else ""
    task = render("task", goal=context.task.goal, hint=hint, observation=observation_text(first))
    return SystemMessage(render("act", memory=memory)), HumanMessage(seen(task, first.images))


async def _replay(context: _Context, first: Feedback) -> _State:
    """Replays the calls that the start asks for, as if the model had made them."""
    messages: tuple[BaseMessage, ...] = ()
    steps: tuple[Step, ...] = ()
    feedback = first
    for number, call in enumerate(context.start.prefix):
        if feedback.done:
            break
        feedback = await context.env.step(call)
        reply = AIMessage("", tool_calls=[{"name": call.name, "args": dict(call.arguments), "id": f"replay-{number}"}])
        messages += (reply, *_answers(reply, feedback))
        steps += (Step(call, feedback),)
    return {"messages": messages, "steps": steps, "feedback": feedback}


def _call_of(reply: AIMessage, tools: tuple[Tool, ...]) -> tuple[ToolCall | None, str]:
    """The reply's call, or None and what to tell the model about its reply."""
    if reply.invalid_tool_calls and not reply.tool_calls:
        broken = reply.invalid_tool_calls[0]
        fault = broken.get("error") or "its arguments are no valid JSON"
        return None, f"The call of {broken.get('name')} could not be read: {fault}. Make it again."
    if not reply.tool_calls:
        return None, "Your reply held no tool call. Make exactly one tool call."
    made = reply.tool_calls[0]
    call = ToolCall(made["name"], made["args"])
    problem = check_call(call, tools)
    return (None, problem) if problem else (call, "")


def _answers(reply: AIMessage, feedback: Feedback) -> tuple[BaseMessage, ...]:
    """What the model reads next: every call that it made gets an answer, the first one the observation."""
    ids = [made.get("id") or "" for made in (*reply.tool_calls, *reply.invalid_tool_calls)]
    if not ids:
        return (HumanMessage(seen(observation_text(feedback), feedback.images)),)
    rest = (ToolMessage("Not executed: make one call a turn.", tool_call_id=other) for other in ids[1:])
    return ToolMessage(observation_text(feedback), tool_call_id=ids[0]), *rest, *pictures(feedback)


def _text(reply: AIMessage) -> str:
    return reply.text if isinstance(reply.text, str) else reply.text()


def _trajectory(
    agent: Agent, task: Task, start: Start, state: _State, usage: Usage, seconds: float, outside: bool
) -> Trajectory:
    recalled = state.get("recalled", Recalled())
    steps = state["steps"]
    said = {found for step in steps for found in _CITATION.findall(step.said)}
    names = {tool_name(ability.tool): ability.item for ability in recalled.abilities}
    called = {names[step.call.name] for step in steps if step.call is not None and step.call.name in names}
    used = {*said, *called, *recalled.followed}
    return Trajectory(
        id=episode_id(agent, task, start),
        task=task,
        seed=start.seed,
        first=state["first"],
        steps=steps,
        messages=tuple(convert_to_openai_messages(list(state.get("messages", ())))),
        tools=state.get("tools", ()),
        samples=samples(state.get("messages", ())),
        reward=min(1.0, max(0.0, sum(step.feedback.reward for step in steps))),
        stop=state["stop"] or StopReason.ERROR,
        error=state.get("error", ""),
        shown=recalled.shown,
        withheld=recalled.withheld,
        cited=tuple(item for item in recalled.shown if item in used),
        model=agent.model,
        method=agent.method,
        memory_version=agent.memory_version,
        confidence=confidence(state.get("messages", ())),
        usage=usage,
        seconds=seconds,
        outside=outside,
    )


def broken(agent: Agent, task: Task, start: Start, error: str) -> Trajectory:
    """The trajectory of an episode of which nothing is left."""
    return Trajectory(
        id=episode_id(agent, task, start),
        task=task,
        seed=start.seed,
        first=Feedback(""),
        stop=StopReason.ERROR,
        error=error,
        model=agent.model,
        method=agent.method,
        memory_version=agent.memory_version,
    )


def episode_id(agent: Agent, task: Task, start: Start) -> str:
    """The same settings give the same id, so that a resumed run names its episodes as the interrupted one did."""
    parts = (
        agent.tag,
        task.suite,
        task.id,
        start.seed,
        start.hint,
        start.prefix,
        agent.model,
        agent.method,
        agent.memory_version,
        *([start.attempt] if start.attempt else ()),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
