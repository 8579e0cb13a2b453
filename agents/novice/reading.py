"""What a prompt tells: the goal, the commands that are possible now, what was done and seen so far, and the lessons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from knowhow.agents.novice.examples import lessons_of_examples
from knowhow.agents.novice.lessons import Lessons, read_lessons
from knowhow.agents.novice.rewrites import understood
from knowhow.agents.novice.sections import section
from knowhow.agents.novice.skills import Known, lessons_of_skills, read_skills
from knowhow.agents.transcript import COMMANDS_HEADING
from knowhow.environments.calls import render_call
from knowhow.environments.types import Tool, ToolCall


@dataclass(frozen=True, slots=True)
class Move:
    """One command, what was possible before it, and what was seen after it."""

    command: str
    before: tuple[str, ...]
    seen: str


@dataclass(frozen=True, slots=True)
class Situation:
    goal: str
    hint: str
    opening: str
    options: tuple[str, ...]
    moves: tuple[Move, ...]
    lessons: Lessons
    rewrite: str = ""
    """The id of the note that the goal's wording comes from."""
    skills: tuple[Known, ...] = ()

    @property
    def new_options(self) -> frozenset[str]:
        """What the last command made possible."""
        return frozenset(self.options) - frozenset(self.moves[-1].before) if self.moves else frozenset()


def read_situation(messages: Sequence[BaseMessage], tools: Sequence[Tool]) -> Situation:
    system = next((_content(m) for m in messages if isinstance(m, SystemMessage)), "")
    human = next((_content(m) for m in messages if isinstance(m, HumanMessage)), "")
    opening, options = read_observation(human.partition("# Observation\n")[2])
    moves = []
    called = ""
    for message in messages:
        if isinstance(message, AIMessage) and message.tool_calls:
            call = message.tool_calls[0]
            called = render_call(ToolCall(call["name"], call["args"]), tools)
        elif isinstance(message, ToolMessage) and called:
            seen, after = read_observation(_content(message))
            moves.append(Move(called, options, seen))
            options = after or options
            called = ""
    goal, rewrite = understood(system, section(human, "Task"))
    lessons, skills = _lessons(system), read_skills(system, tools)
    return Situation(
        goal,
        section(human, "From your earlier attempts at this task"),
        opening,
        options,
        tuple(moves),
        lessons.together(lessons_of_skills(skills)) if skills else lessons,
        rewrite,
        skills,
    )


@lru_cache(maxsize=2048)
def read_observation(text: str) -> tuple[str, tuple[str, ...]]:
    """(what is seen, the possible commands)."""
    seen, _, listed = text.partition(f"{COMMANDS_HEADING}\n")
    return seen.strip(), tuple(line[2:] for line in listed.splitlines() if line.startswith("- "))


@lru_cache(maxsize=256)
def _lessons(system: str) -> Lessons:
    """Those written down, then those that examples teach."""
    return read_lessons(system).together(lessons_of_examples(system))


def _content(message: BaseMessage) -> str:
    return message.content if isinstance(message.content, str) else message.text
