"""The novice's checklists: a question for each word of the task, answered by what the attempt's commands name."""

from __future__ import annotations

import json
import re

from knowhow.agents.novice.attempts import read_attempt
from knowhow.agents.novice.commands import content_words, mentions
from knowhow.agents.novice.sections import section

_QUESTION = re.compile(r"^\d+\. (?:Does a command name \"(.+)\"\?)?", re.MULTILINE)


def write(prompt: str) -> str:
    """The reply to the Checklist prompt."""
    words = content_words(section(prompt, "Task"))
    return json.dumps({"questions": [f'Does a command name "{word}"?' for word in words]})


def check(prompt: str) -> str:
    """The reply to the Check prompt; to a question of another kind it says no."""
    commands = " ; ".join(step.command for step in read_attempt(section(prompt, "Attempt")))
    asked = _QUESTION.findall(section(prompt, "Questions"))
    answers = ["yes" if word and mentions(word, commands) else "no" for word in asked]
    return json.dumps({"reasoning": "The commands were compared with each question.", "answers": answers})
