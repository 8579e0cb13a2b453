"""Where a model writes skills, and repairs them from what went wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from knowhow.agents.prompt import render
from knowhow.agents.transcript import transcript
from knowhow.agents.types import Decider
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Tool, Trajectory
from knowhow.memory.reflect import PACKAGE, ask_json, outcome
from knowhow.memory.skills.skill import Skill, read_skill
from knowhow.memory.skills.trial import Run

MOST_KNOWN = 6
"""Known skills, the newest, whose descriptions the writer reads: they hold what is known of the environment."""
MOST_RUNS = 2
"""Failed runs that a repair is shown."""


@dataclass(frozen=True)
class Workshop:
    """``tools`` are the environment's, which the skills may call; empty where they are not known."""

    ask: Decider
    tools: tuple[Tool, ...]
    seed: int

    async def write(
        self, attempts: Sequence[Trajectory], known: Sequence[Skill], most: int
    ) -> list[tuple[Skill, list[int]]]:
        """At most so many new skills, with the numbers, from 1, of the attempts that each was drawn from. What cannot
        be read as a skill is left out."""
        prompt = render(
            "skill_writer",
            PACKAGE,
            most=most,
            tools=self._tools(),
            skills="\n\n".join([*map(_named, known[:-MOST_KNOWN]), *map(_described, known[-MOST_KNOWN:])])
            or "None yet.",
            attempts="\n\n".join(_attempt(number, one) for number, one in enumerate(attempts, 1)),
        )
        said = await ask_json(self.ask, prompt, self.seed) or {}
        listed = said.get("skills")
        found = []
        for raw in [raw for raw in (listed if isinstance(listed, list) else []) if isinstance(raw, dict)]:
            numbers = raw.get("from")
            try:
                found.append((read_skill(raw, self.tools), numbers if isinstance(numbers, list) else []))
            except BadSetting:
                continue
        return found[:most]

    async def repair(self, skill: Skill, failed: Sequence[Run]) -> Skill | None:
        """The skill with other code, or None where the reply holds none that can be read, or the same."""
        prompt = render(
            "skill_repairer",
            PACKAGE,
            tools=self._tools(),
            goal=skill.goal,
            code=skill.code,
            runs="\n\n".join(_run(number, run) for number, run in enumerate(failed[:MOST_RUNS], 1)),
        )
        said = await ask_json(self.ask, prompt, self.seed) or {}
        try:
            better = read_skill({"name": skill.name, "goal": skill.goal, "code": said.get("code")}, skill.tools)
        except BadSetting:
            return None
        return None if better == skill else better

    def _tools(self) -> str:
        return "\n".join(json.dumps(tool["function"]) for tool in self.tools) or "As in the attempts."


def _named(skill: Skill) -> str:
    return f'{skill.name} does "{skill.goal}"'


def _described(skill: Skill) -> str:
    return f"{_named(skill)}:\n{skill.text}"


def _attempt(number: int, one: Trajectory) -> str:
    return f"# Attempt {number}\nTask: {one.task.goal}\nOutcome: {outcome(one)}\n{transcript(one)}"


def _run(number: int, run: Run) -> str:
    return f"# Run {number}\nTask: {run.test.task.goal}\nOutcome: The task was not achieved.\n{run.told}"
