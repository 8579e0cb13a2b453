"""Running a skill: its code in the sandbox, its calls in the environment.

The sandboxed process gets the arguments and what the environment says, never a reward. It can ask for nothing but calls
of the environment's tools, which are checked as an agent's are.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from knowhow.agents.types import Ability, Act
from knowhow.environments.calls import parse_call
from knowhow.environments.errors import EpisodeOver, KnowhowError
from knowhow.environments.sandbox import Limits, Outcome, converse
from knowhow.environments.types import Feedback
from knowhow.memory.skills import inside
from knowhow.memory.skills.skill import Skill

LONGEST = 600
"""Characters of what a skill tells, and of what went wrong in it."""
LIMITS = Limits(seconds=120, cpu=5, memory_mb=128)
"""Processor time is what bounds a skill's work, so that it comes to the same on a busy machine; the clock ends one that
only waits."""


class SkillFailed(KnowhowError, RuntimeError):
    """A skill's code raised an error, or did what it may not; what it did until then stands."""


def ability(item: str, skill: Skill, limits: Limits = LIMITS) -> Ability:
    """The skill as a tool of the agent's, for the memory item of this id."""

    async def run(arguments: Mapping[str, Any], act: Act, before: Feedback) -> str:
        return await run_skill(skill, arguments, act, before, limits)

    return Ability(item, skill.tool, run)


async def run_skill(
    skill: Skill, arguments: Mapping[str, Any], act: Act, before: Feedback, limits: Limits = LIMITS
) -> str:
    """What the skill returned, as text on one line. ``before`` is what the environment said last.

    Raises: SkillFailed, and what ``act`` raises but for EpisodeOver, which ends the skill.
    """
    order = {"name": skill.name, "code": skill.code, "arguments": dict(arguments), "seen": _seen(before)}
    async with converse(_program(), limits=limits) as talk:
        async for request in talk:
            if not isinstance(request, dict):
                raise SkillFailed("it asked for what there is not")
            if "told" in request:
                return _short(str(request["told"]))
            await talk.reply(order if "begin" in request else await _done(str(request.get("do")), skill, act))
        raise SkillFailed(_fault(talk.outcome))


async def _done(text: str, skill: Skill, act: Act) -> dict[str, Any]:
    try:
        return {"seen": _seen(await act(parse_call(text, skill.tools)))}
    except ValueError as error:
        return {"wrong": str(error)}
    except EpisodeOver:
        return {"over": True}


def _seen(feedback: Feedback) -> dict[str, Any]:
    return {"text": feedback.observation, "commands": feedback.commands, "done": feedback.done}


def _fault(outcome: Outcome | None) -> str:
    """The end of what it printed, where Python says what was raised and where; or why it was ended."""
    said = outcome.stderr.strip() if outcome else ""
    why = outcome.why if outcome else ""
    return said[-LONGEST:] if said.endswith(why) and said else why or "it ended without an answer"


def _short(text: str) -> str:
    return " ".join(text.split())[:LONGEST]


@cache
def _program() -> str:
    return Path(inside.__file__).read_text(encoding="utf-8")
