"""What the agent said of itself: the last "confidence: 80%" (or 0.8) in its words (verbalised, arXiv 2305.14975)."""

from __future__ import annotations

import re

from knowhow.environments.types import Trajectory

_SAID = re.compile(r"\bconfidence\b(?:\s+is)?[\s:=*]{0,5}(\d+(?:\.\d+)?|\.\d+)\s*(%?)", re.IGNORECASE)


def spoken(episode: Trajectory) -> float | None:
    found = [match for step in episode.steps for match in _SAID.findall(step.said)]
    if not found:
        return None
    number, percent = float(found[-1][0]), found[-1][1]
    sure = number / 100 if percent or number > 1 else number
    return sure if sure <= 1 else None
