"""What the novice makes of a better wording of its task in the prompt: it goes by that, and cites it."""

from __future__ import annotations

import re

_BETTER = re.compile(r"^\[([a-z]+-\d+)\] This request was better understood as: (.+)$", re.MULTILINE)


def understood(prompt: str, goal: str) -> tuple[str, str]:
    """The goal as the prompt words it anew, and the id of the note that does; the goal itself and an empty id where
    there is none."""
    found = _BETTER.search(prompt)
    return (found[2].strip(), found[1]) if found else (goal, "")
