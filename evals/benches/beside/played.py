"""The episodes that all learn from: household tasks that the novice, without a memory, played and mostly did not do."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from knowhow.agents.episode import Agent, play
from knowhow.agents.model import load_model
from knowhow.agents.rollout import rollout
from knowhow.agents.transcript import observation_text, transcript
from knowhow.environments.types import Trajectory
from knowhow.evals.stage import open_suite
from knowhow.evals.tasks import draw, jobs
from knowhow.memory.codec import encode


def write(file: Path, count: int, seed: int = 0) -> None:
    """``count`` episodes in the form that ``asking.py`` reads, and as Knowhow has them."""
    suite, model = open_suite("household"), load_model("novice")
    todo = jobs(draw(suite, "train", count, seed), seed, "peers")
    played = asyncio.run(rollout(play(suite, Agent(model, model.meter)), todo))
    told = {"episodes": [_told(one) for one in played], "trajectories": [encode(one) for one in played]}
    file.write_text(json.dumps(told))


def _told(played: Trajectory) -> dict[str, object]:
    observed = [played.first, *(step.feedback for step in played.steps)]
    return {"goal": played.task.goal, "observed": list(map(observation_text, observed)), "text": transcript(played)}
