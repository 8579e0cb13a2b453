"""A checklist of yes/no questions, written for each task and then answered for each attempt (TICK, arXiv 2410.03608).

The questions come from the task alone, before any attempt is read, and stay the same for all attempts at it. All of
them are answered in one reply: a call an attempt, and not one a question.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from langchain_core.messages import HumanMessage

from knowhow.agents.judge import Judge, Verdict
from knowhow.agents.prompt import render
from knowhow.agents.replies import read_json
from knowhow.agents.types import Decider, Turn
from knowhow.environments.discover import at_least

WHOLE = "Does the attempt do all that the task asks?"
"""The checklist of a task for which the model wrote none that can be read."""


def checklist(ask: Decider, *, most: int = 8) -> Judge:
    """At most ``most`` questions a task; an attempt's score is the share that is answered by yes, and a task is
    achieved where all are. What is not answered counts as no."""
    at_least(1, most=most)
    kept: dict[str, list[str]] = {}
    writing = defaultdict[str, asyncio.Lock](asyncio.Lock)

    async def questions(goal: str) -> list[str]:
        if goal not in kept:
            async with writing[goal]:
                kept[goal] = kept.get(goal) or await written(goal)
        return kept[goal]

    async def written(goal: str) -> list[str]:
        said = await _said(ask, render("checklist", goal=goal, most=most), seed=0)
        asked = [text.strip() for text in _list(said, "questions") if isinstance(text, str) and text.strip()]
        return asked[:most] or [WHOLE]

    async def answers(goal: str, attempt: str, seed: int) -> list[bool]:
        asked = await questions(goal)
        listed = "\n".join(f"{number}. {question}" for number, question in enumerate(asked, 1))
        said = await _said(ask, render("check", goal=goal, attempt=attempt, questions=listed), seed)
        given = [str(answer).strip().lower() in ("yes", "true") for answer in _list(said, "answers")]
        return given if len(given) == len(asked) else []

    async def judge(goal: str, attempts: Sequence[str], *, seed: int = 0) -> Verdict:
        checked = await asyncio.gather(*(answers(goal, attempt, seed) for attempt in attempts))
        scores = [sum(one) / len(one) if one else 0.0 for one in checked]
        best = max(range(len(scores)), key=scores.__getitem__)
        undecided = scores.count(scores[best]) > 1 or not checked[best]
        return Verdict(best, scores[best] == 1, scores[best], undecided)

    return judge


async def _said(ask: Decider, prompt: str, seed: int) -> dict[str, object]:
    reply = await ask(Turn((HumanMessage(prompt),), seed=seed))
    return read_json(reply.text) or {}


def _list(said: dict[str, object], name: str) -> list[object]:
    found = said.get(name)
    return found if isinstance(found, list) else []
