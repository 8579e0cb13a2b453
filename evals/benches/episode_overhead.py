"""What the episode graph costs a step beside a bare LangGraph loop of the same nodes.

    python -m knowhow.evals.benches.episode_overhead

The model answers at once and the world says always the same. The bare loop has the nodes recall, decide and act, the
same model and world, and keeps nothing but the messages. Both play in turns; prints one JSON object with the medians
over the turns: microseconds a step of each, and ``ratio``, the median of the ratios turn by turn.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from statistics import median
from time import perf_counter
from typing import Any, TypedDict

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from knowhow.agents.episode import Agent, play
from knowhow.agents.metering import Meter
from knowhow.agents.types import Recalled, Start, Turn, nothing
from knowhow.environments.text_world import ACT
from knowhow.environments.types import Environment, Feedback, Split, Suite, Task, Tool, ToolCall

REPLY = AIMessage("On.", tool_calls=[{"name": "act", "args": {"command": "on"}, "id": "c"}])


class Road(Suite):
    """Nothing ever happens."""

    name = "road"

    def __init__(self, steps: int) -> None:
        self.max_steps = steps

    def tasks(self, split: Split) -> Sequence[Task]:
        return [Task(f"{split}-{number}", self.name, split, "walk", "walk on") for number in range(1000)]

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        yield Walk()


class Walk:
    tools: Sequence[Tool] = (ACT,)

    async def reset(self) -> Feedback:
        return Feedback("A road.")

    async def step(self, call: ToolCall) -> Feedback:
        return Feedback("The road goes on.")


async def at_once(turn: Turn) -> AIMessage:
    return REPLY


class State(TypedDict, total=False):
    messages: tuple[BaseMessage, ...]
    reply: AIMessage
    steps: int


def bare(suite: Road, task: Task) -> Callable[[], Awaitable[None]]:
    """One episode as a bare LangGraph loop."""
    from langgraph.graph import END, START, StateGraph

    async def recall(state: State, runtime: Any) -> State:
        recalled: Recalled = await nothing(runtime.context)
        first = await runtime.context.reset()
        opening = (SystemMessage(recalled.text), HumanMessage(first.observation))
        return {"messages": opening, "steps": 0}

    async def decide(state: State, runtime: Any) -> State:
        reply = await at_once(Turn(state["messages"], (ACT,)))
        return {"reply": reply, "messages": (*state["messages"], reply)}

    async def act(state: State, runtime: Any) -> State:
        (call,) = state["reply"].tool_calls
        feedback = await runtime.context.step(ToolCall(call["name"], call["args"]))
        answer = ToolMessage(feedback.observation, tool_call_id=call["id"])
        return {"messages": (*state["messages"], answer), "steps": state["steps"] + 1}

    async def goes_on(state: State) -> bool:
        return state["steps"] < suite.max_steps

    graph: Any = StateGraph(State, context_schema=Walk)
    for node in (recall, decide, act):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "recall")
    graph.add_edge("recall", "decide")
    graph.add_edge("decide", "act")
    graph.add_conditional_edges("act", goes_on, {True: "decide", False: END})
    compiled = graph.compile()

    async def episode() -> None:
        async with suite.open(task, seed=0) as env:
            await compiled.ainvoke({}, context=env, config={"recursion_limit": 2 * suite.max_steps + 10})

    return episode


def ours(suite: Road, task: Task) -> Callable[[], Awaitable[None]]:
    attempt = play(suite, Agent(at_once, Meter()))

    async def episode() -> None:
        trajectory = await attempt(task, Start())
        assert len(trajectory.steps) == suite.max_steps, trajectory.error

    return episode


async def seconds(episode: Callable[[], Awaitable[None]], episodes: int) -> float:
    began = perf_counter()
    for _ in range(episodes):
        await episode()
    return perf_counter() - began


async def measure(steps: int, episodes: int, turns: int) -> dict[str, float]:
    suite = Road(steps)
    task = suite.tasks("train")[0]
    both = ours(suite, task), bare(suite, task)
    for episode in both:
        await seconds(episode, 2)
    timed = [[await seconds(episode, episodes) for episode in both] for _ in range(turns)]
    a_step = 1e6 / (steps * episodes)
    return {
        "ours_us_per_step": round(median(ours for ours, _ in timed) * a_step, 1),
        "bare_us_per_step": round(median(bare for _, bare in timed) * a_step, 1),
        "ratio": round(median(ours / bare for ours, bare in timed), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--steps", type=int, default=50, help="of an episode")
    parser.add_argument("--episodes", type=int, default=5, help="of each kind in a turn")
    parser.add_argument("--turns", type=int, default=15)
    options = parser.parse_args()
    figures = asyncio.run(measure(options.steps, options.episodes, options.turns))
    print(json.dumps({**figures, **vars(options)}))


if __name__ == "__main__":
    main()
