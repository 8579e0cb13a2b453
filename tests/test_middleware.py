"""An agent made by LangChain's ``create_agent`` gets lessons, and each has to prove itself there too."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from processes import run
from program import knowhow

from knowhow.environments.errors import BadSetting, MissingExtra, UnknownName
from knowhow.memory.episodes import Episodes
from knowhow.memory.middleware import Knowhow
from knowhow.memory.store import Memory
from knowhow.memory.types import Status, Trust

LESSON = "the key of every door is red"
LEARNS: dict[str, Any] = {
    "# Reflector": {"key_insight": LESSON, "bullet_tags": []},
    "# Curator": {"operations": [{"type": "ADD", "section": "strategies", "content": LESSON, "from": [1]}]},
}


@tool
def open_door(key: str) -> str:
    """Open the door with a key."""
    return "It opens." if key == "red" else "It stays shut."


class Scripted(BaseChatModel):
    """Opens the door with the red key where the system prompt says so, else with a blue one; reflects by rote."""

    asked: list[list[BaseMessage]] = []
    learns: dict[str, Any] = LEARNS
    calls_tools: bool = True

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self.bind()

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.asked.append(messages)
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages))])

    def _reply(self, messages: list[BaseMessage]) -> AIMessage:
        for heading, said in self.learns.items():
            if messages[0].text.startswith(heading):
                return AIMessage(json.dumps(said))
        system = messages[0].text if isinstance(messages[0], SystemMessage) else ""
        key = "red" if LESSON in system else "blue"
        cited = "".join(re.findall(r"\[[a-z]+-\d+\]", system)[-1:])
        if self.calls_tools and isinstance(messages[-1], HumanMessage):
            call = {"name": "open_door", "args": {"key": key}, "id": f"call-{len(messages)}"}
            return AIMessage(f"I take the {key} key {cited}", tool_calls=[call])
        return AIMessage(f"I used the {key} key.")


def judge(messages: Sequence[BaseMessage]) -> float:
    return float("red" in messages[-1].text)


Agent = Callable[..., Any]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """Makes an agent with a memory in ``tmp_path``."""
    made: list[Knowhow] = []

    def make(model: BaseChatModel | None = None, /, checkpointer: Any = None, **settings: Any) -> Any:
        usual = {"feedback": judge, "every": 4, "withhold_rate": 0.0, "seed": 1, "trusted_tools": True}
        made.append(Knowhow(tmp_path, **{**usual, **settings}))
        prompt = "You open doors."
        tools = [open_door]
        return create_agent(
            model or Scripted(asked=[]), tools, system_prompt=prompt, middleware=made[-1:], checkpointer=checkpointer
        )

    yield make
    for middleware in made:
        middleware.close()


def ask(agent: Any, text: str = "open the door", **config: Any) -> str:
    return str(agent.invoke({"messages": [HumanMessage(text)]}, **config)["messages"][-1].text)


def kept(folder: Path) -> Any:
    with Episodes.open(folder) as episodes:
        return episodes.find()


def items(folder: Path) -> list[Any]:
    with Memory.open(folder) as memory:
        return memory.items(statuses=tuple(Status))


# --- learning ---


def test_after_a_few_runs_the_lesson_is_in_the_prompt_and_the_agent_succeeds(agent: Agent, tmp_path: Path) -> None:
    model = Scripted(asked=[])
    made = agent(model)
    assert [ask(made) for _ in range(4)] == ["I used the blue key."] * 4
    assert [ask(made) for _ in range(3)] == ["I used the red key."] * 3
    system = model.asked[-1][0].text
    assert system.startswith("You open doors.\n\n# Lessons from earlier work") and LESSON in system
    assert system == model.asked[-2][0].text  # every call of a run has the same
    (lesson,) = items(tmp_path)
    assert (lesson.text, lesson.trust, lesson.sources) == (LESSON, Trust.VERIFIED, ("run-00001",))


async def test_an_async_agent_learns_the_same_and_its_runs_may_overlap(agent: Agent, tmp_path: Path) -> None:
    made = agent(every=8)

    async def once() -> str:
        return str((await made.ainvoke({"messages": [HumanMessage("open the door")]}))["messages"][-1].text)

    assert set(await asyncio.gather(*(once() for _ in range(8)))) == {"I used the blue key."}
    assert set(await asyncio.gather(*(once() for _ in range(4)))) == {"I used the red key."}
    assert sorted(episode.id for episode in kept(tmp_path)) == [f"run-{n:05d}" for n in range(1, 13)]


async def test_a_sync_agent_works_where_a_loop_runs_already(agent: Agent) -> None:
    made = agent(every=1)
    assert [ask(made), ask(made)] == ["I used the blue key.", "I used the red key."]


def test_a_run_is_kept_as_an_episode_with_all_that_was_done(agent: Agent, tmp_path: Path) -> None:
    made = agent(every=1, cite=True)
    ask(made)
    ask(made, "open the other door")
    first, second = kept(tmp_path)
    assert [(step.call.name, dict(step.call.arguments)) for step in first.steps] == [
        ("open_door", {"key": "blue"}),
        ("answer", {"text": "I used the blue key."}),
    ]
    assert [step.feedback.observation for step in first.steps] == ["It stays shut.", ""]
    assert (first.task.goal, first.task.split, first.reward, first.outside) == ("open the door", "train", 0.0, False)
    assert (second.reward, second.success, second.shown) == (1.0, True, second.cited)
    assert len(second.shown) == 1 and second.memory_version > 0
    assert second.messages[0]["content"] == "open the other door" and second.usage.calls == 2


def test_a_conversation_is_one_run_a_request(agent: Agent, tmp_path: Path) -> None:
    made = agent(checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "t-1"}}
    ask(made, "open the door", config=thread)
    ask(made, "and the next one", config=thread)
    _, second = kept(tmp_path)
    assert (second.task.goal, second.task.session) == ("and the next one", "t-1")
    assert "I used the blue key." in second.first.observation and len(second.steps) == 2


def test_a_run_without_a_judgement_teaches_label_free_and_proves_nothing(agent: Agent, tmp_path: Path) -> None:
    made = agent(every=2, feedback=lambda messages: None)
    for _ in range(4):
        ask(made)
    assert {episode.reward for episode in kept(tmp_path)} == {None}
    (lesson,) = items(tmp_path)
    assert (lesson.trust, lesson.effect) == (Trust.REFLECTION, None)


def test_lessons_that_are_withheld_at_random_prove_themselves(agent: Agent, tmp_path: Path) -> None:
    made = agent(every=10, withhold_rate=0.5)
    for _ in range(120):
        ask(made)
    (lesson,) = items(tmp_path)
    rows = kept(tmp_path)[10:]
    with_it = [row for row in rows if lesson.id in row.shown]
    assert 0.3 < len(with_it) / len(rows) < 0.7
    assert all(row.reward == float(lesson.id in row.shown) for row in rows)
    assert lesson.status is Status.ACTIVE and lesson.effect["low"] > 0
    assert lesson.effect["low"] < 1.0 and lesson.effect["mean"] > 0.5


# --- trust ---


def test_what_tools_taught_waits_for_a_person_unless_they_are_trusted(agent: Agent, tmp_path: Path) -> None:
    made = agent(every=2, trusted_tools=False)
    assert [ask(made) for _ in range(4)] == ["I used the blue key."] * 4
    (lesson,) = items(tmp_path)
    assert (lesson.status, lesson.trust) == (Status.PENDING, Trust.OUTSIDE)
    assert {episode.outside for episode in kept(tmp_path)} == {True}
    told = knowhow("memory", "review", tmp_path, "--accept", lesson.id, "--json").told
    assert told["pending"] == 0
    assert ask(made) == "I used the red key."
    assert knowhow("memory", "why", tmp_path, "run-00005", "--json").told["shown"][0]["id"] == lesson.id
    assert "run-00001" in knowhow("memory", "blame", tmp_path, lesson.id).out


def test_what_was_said_without_tools_needs_no_review(agent: Agent, tmp_path: Path) -> None:
    made = agent(Scripted(asked=[], calls_tools=False), every=1, trusted_tools=False)
    assert [ask(made), ask(made)] == ["I used the blue key.", "I used the red key."]
    assert [item.status for item in items(tmp_path)] == [Status.CANDIDATE]


# --- what goes wrong ---


def test_a_model_that_cannot_reflect_costs_no_run_and_is_asked_again(
    agent: Agent, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Down(Scripted):
        up: bool = False

        def _reply(self, messages: list[BaseMessage]) -> AIMessage:
            if messages[0].text.startswith("# ") and not self.up:
                raise ConnectionError("nobody answers")
            return super()._reply(messages)

    model = Down(asked=[])
    made = agent(model, every=2)
    with caplog.at_level(logging.WARNING):
        assert [ask(made) for _ in range(3)] == ["I used the blue key."] * 3
    assert "they wait: nobody answers" in caplog.text and items(tmp_path) == []
    model.up = True
    ask(made)
    assert ask(made) == "I used the red key."
    assert items(tmp_path)[0].sources == ("run-00001",)


@pytest.mark.parametrize("reward", [1.5, -1, "good"])
def test_feedback_that_is_no_reward_is_told_and_the_answer_kept(
    reward: Any, agent: Agent, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert ask(agent(feedback=lambda messages: reward))
    assert f"the feedback of a run was {reward!r}" in caplog.text
    assert [episode.reward for episode in kept(tmp_path)] == [None]


def test_feedback_that_raises_costs_nobody_the_answer(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    assert ask(agent(feedback=lambda messages: 1 / 0))
    assert "the feedback of a run failed, so that nothing is known of its worth: division by zero" in caplog.text


async def test_feedback_may_be_async(agent: Agent, tmp_path: Path) -> None:
    async def later(messages: Sequence[BaseMessage]) -> float:
        await asyncio.sleep(0)
        return 0.5

    made = agent(feedback=later)
    await made.ainvoke({"messages": [HumanMessage("open the door")]})
    ask(made)
    assert [episode.reward for episode in kept(tmp_path)] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("settings", "complaint", "kind"),
    [
        ({"every": 0}, "every=0 must be a whole number of at least 1", BadSetting),
        ({"withhold_rate": 1.0}, "withhold_rate=1.0 is no probability", BadSetting),
        ({"evry": 3}, "unexpected keyword argument 'evry'", BadSetting),
        ({"banks": ["playbok"]}, "did you mean playbook", UnknownName),
        ({"model": "novize"}, "did you mean novice", UnknownName),
    ],
)
def test_settings_that_cannot_be_used_are_told(
    settings: dict[str, Any], complaint: str, kind: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(kind, match=re.escape(complaint)):
        Knowhow(tmp_path, feedback=judge, **settings)


# --- with other parts ---


def test_another_model_may_reflect_such_as_the_novice(agent: Agent, tmp_path: Path) -> None:
    model = Scripted(asked=[])
    made = agent(model, every=2, model="novice", feedback=lambda messages: 1.0)
    ask(made)
    ask(made)
    assert any("open_door" in item.text for item in items(tmp_path))
    assert not any(messages[0].text.startswith("# ") for messages in model.asked)


def test_what_is_asked_on_the_side_does_not_reach_the_agents_stream(agent: Agent) -> None:
    made = agent(every=1)
    parts = list(made.stream({"messages": [HumanMessage("open the door")]}, stream_mode="messages"))
    assert not any("key_insight" in message.text or "operations" in message.text for message, _ in parts)


def test_its_state_is_private_and_a_system_prompt_in_blocks_stays_one(tmp_path: Path) -> None:
    model = Scripted(asked=[])
    middleware = Knowhow(tmp_path, feedback=judge, every=1, withhold_rate=0.0, trusted_tools=True)
    blocks = SystemMessage(content=[{"type": "text", "text": "You open doors."}])
    made = create_agent(model, [open_door], system_prompt=blocks, middleware=[middleware])
    for _ in range(2):
        state = made.invoke({"messages": [HumanMessage("open the door")]})
        assert "knowhow" not in state
    system = [messages[0] for messages in model.asked if isinstance(messages[0], SystemMessage)][-1]
    assert isinstance(system.content, list) and len(system.content) == 2 and LESSON in system.text
    middleware.close()


def test_a_run_that_waits_for_a_person_is_one_run(tmp_path: Path) -> None:
    middleware = Knowhow(tmp_path, feedback=judge, every=1, withhold_rate=0.0, trusted_tools=True)
    asks: list[Any] = [HumanInTheLoopMiddleware(interrupt_on={"open_door": True}), middleware]
    made: Any = create_agent(Scripted(asked=[]), [open_door], middleware=asks, checkpointer=InMemorySaver())
    for thread, answer in (("t-1", "I used the blue key."), ("t-2", "I used the red key.")):
        config = {"configurable": {"thread_id": thread}}
        before = len(kept(tmp_path))
        assert "__interrupt__" in made.invoke({"messages": [HumanMessage("open the door")]}, config=config)
        assert len(kept(tmp_path)) == before
        goes_on: Any = Command(resume={"decisions": [{"type": "approve"}]})
        assert made.invoke(goes_on, config=config)["messages"][-1].text == answer
    assert [len(episode.shown) for episode in kept(tmp_path)] == [0, 1]
    middleware.close()


def test_two_processes_share_a_memory(tmp_path: Path) -> None:
    program = """
import sys
sys.path.insert(0, TESTS)
from test_middleware import Scripted, judge, open_door, ask
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from knowhow.memory.middleware import Knowhow
middleware = Knowhow(FOLDER, feedback=judge, every=3, withhold_rate=0.0, trusted_tools=True)
print([ask(create_agent(Scripted(asked=[]), [open_door], middleware=[middleware])) for _ in range(3)])
""".replace("TESTS", repr(str(Path(__file__).parent))).replace("FOLDER", repr(str(tmp_path)))
    assert "red" not in run(program)
    assert "blue" not in run(program)
    assert [episode.id for episode in kept(tmp_path)] == [f"run-{n:05d}" for n in range(1, 7)]


def test_without_langchain_the_extra_is_named() -> None:
    told = run("""
import sys
sys.modules["langchain"] = None
try:
    from knowhow.memory.middleware import Knowhow
except ImportError as error:
    print(type(error).__name__, error)
""")
    assert told.strip() == f"{MissingExtra.__name__} the middleware needs langchain; install knowhow-agents[langchain]"
