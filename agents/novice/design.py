"""How the novice describes environments: it weighs the kinds of task in the prompt's table by how often they failed."""

from __future__ import annotations

import json
import re

from knowhow.agents.novice.sections import section

_LINE = re.compile(r"^- (.+): (\d+) of (\d+)$", re.MULTILINE)


def design(prompt: str) -> str:
    """The reply to the Environment designer's prompt: one description, with the failures of a hundred episodes of a
    kind as its weight; none where the table tells of no failure."""
    table = {kind: (int(good), int(all)) for kind, good, all in _LINE.findall(section(prompt, "Success so far"))}
    weights = {kind: round(100 * (1 - good / all)) for kind, (good, all) in table.items() if good < all}
    return json.dumps({"environments": [{"kinds": weights}] if weights else []})
