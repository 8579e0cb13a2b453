"""An episode as text, compact: what a reflector, a judge or a person reads."""

from __future__ import annotations

import re
from collections.abc import Sequence

from knowhow.environments.calls import render_call
from knowhow.environments.types import Feedback, Step, Tool, Trajectory

COMMANDS_HEADING = "Possible commands:"
NEW_HEADING = "Newly possible:"
MOST_NEW = 20
_CALL = re.compile(r"\w+\(.*\)$", re.DOTALL)


def observation_text(feedback: Feedback) -> str:
    """What the agent reads after a step: the observation, then every possible command on a line of its own."""
    if not feedback.commands:
        return feedback.observation
    return "\n".join([feedback.observation, "", COMMANDS_HEADING, *(f"- {command}" for command in feedback.commands)])


def transcript(trajectory: Trajectory, tools: Sequence[Tool] = ()) -> str:
    """The episode from its first observation on: each call after ``>``, what was observed, and what became possible by
    it. What an ability of memory did stands there call by call. Text from outside is quoted line by line, so that it
    can pass for nothing else."""
    told = quoted if trajectory.outside else str
    lines = [told(trajectory.first.observation)]
    before = trajectory.first.commands
    for step in trajectory.steps:
        lines += [f"(by {call_text(step, None, tools)})"] * bool(step.inner)
        for done in step.inner or (step,):
            lines += [
                f"> {call_text(done, before, tools)}",
                told(done.feedback.observation),
                *map(told, _new(before, done.feedback.commands)),
            ]
            before = done.feedback.commands
    return "\n".join(lines)


def quoted(text: str) -> str:
    """Every line behind a bar: data, whatever it says."""
    return "\n".join(f"| {line}" for line in text.splitlines())


def call_text(step: Step, before: tuple[str, ...] | None, tools: Sequence[Tool] = ()) -> str:
    """A step's call as a transcript shows it, with what was possible before: the bare command where that is how a world
    lists them."""
    if step.call is None:
        return f"(no usable call) {step.said}".rstrip()
    values = list(step.call.arguments.values())
    if not tools and len(values) == 1 and isinstance(values[0], str) and before is not None:
        return render_call(step.call) if any(map(_CALL.match, before)) else values[0]
    return render_call(step.call, tools)


def _new(before: tuple[str, ...] | None, after: tuple[str, ...] | None) -> list[str]:
    if before is None or after is None:
        return []
    known = set(before)
    new = [command for command in after if command not in known]
    if not new:
        return []
    rest = [f"and {len(new) - MOST_NEW} more"] if len(new) > MOST_NEW else []
    return [f"{NEW_HEADING} {'; '.join(new[:MOST_NEW] + rest)}"]
