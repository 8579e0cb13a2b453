"""Episodes inside the page: their steps as compact data, which the browser unpacks."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from knowhow.environments.calls import render_call
from knowhow.environments.types import Step, Trajectory
from knowhow.evals.reporting.figures import outcome
from knowhow.evals.reporting.plain import plain
from knowhow.memory.episodes import Summary

MOST_EPISODES = 2_000
"""Episodes that a page holds unless told otherwise; thousands still open at once."""
MOST_CHARACTERS = 40_000_000
"""Characters of all steps together, from which on no further episode is taken up."""
LONGEST_TEXT = 20_000
"""Characters of one observation or reply; what is beyond is cut off, and said to be."""


def gather(
    episodes: Sequence[Summary], first: Collection[str], most: int, get: Callable[[str], Trajectory]
) -> list[dict[str, Any]]:
    """At most ``most`` episodes with their steps, in their own order.

    Those in ``first`` are taken before others, then the same tasks of all phases together. ``get`` reads one from
    the disk.
    """
    chosen = sorted(episodes, key=lambda one: (one.id not in first, one.index, one.round))[:most]
    read: dict[str, dict[str, Any]] = {}
    room = MOST_CHARACTERS
    for summary in chosen:
        if room <= 0:
            break
        read[summary.id] = episode(summary, get(summary.id))
        room -= sum(len(text) for step in read[summary.id]["steps"] for text in step[:3] if text)
    return [read[id] for id in dict.fromkeys(one.id for one in episodes) if id in read]


def episode(summary: Summary, whole: Trajectory) -> dict[str, Any]:
    """One episode as the page reads it; a step is [call or None, observation, what the model said, reward]."""
    return {
        "id": summary.id, "phase": summary.phase, "round": summary.round, "index": summary.index,
        "task": plain(summary.task), "kind": plain(summary.kind), "goal": _cut(whole.task.goal), "seed": whole.seed,
        "reward": summary.reward, "outcome": outcome(summary), "stop": summary.stop.value, "error": _cut(summary.error),
        "shown": summary.shown, "withheld": summary.withheld, "cited": summary.cited,
        "model": plain(summary.model), "method": plain(summary.method), "version": summary.memory_version,
        "attempts": summary.attempts, "calls": summary.usage.calls, "tokens": summary.usage.tokens,
        "cost": summary.usage.cost_usd, "seconds": round(summary.seconds, 2),
        "first": _cut(whole.first.observation), "steps": [_step(step, whole) for step in whole.steps],
    }  # fmt: skip


def pack(data: object) -> str:
    """Data as base64 of gzipped JSON: in a page it can be nothing but data, whatever its texts hold."""
    text = json.dumps(data, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(text, 6, mtime=0)).decode()


def unpack(packed: str) -> Any:
    """What ``pack`` packed, as the browser reads it."""
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def sources(items: Iterable[Any]) -> set[str]:
    """The episodes that taught these items."""
    return {source for item in items for source in item.sources}


def _step(step: Step, whole: Trajectory) -> list[Any]:
    said, observed = _cut(step.said.strip()), _cut(step.feedback.observation)
    return [_call(step, whole), observed, said, step.feedback.reward]


def _call(step: Step, whole: Trajectory) -> str | None:
    """The call as the world lists it: a text world's bare command, else name(argument=value)."""
    if step.call is None:
        return None
    values = list(step.call.arguments.values())
    listed = whole.first.commands is not None
    bare = listed and len(values) == 1 and isinstance(values[0], str)
    return _cut(values[0] if bare else render_call(step.call))


def _cut(text: str) -> str:
    beyond = len(text) - LONGEST_TEXT
    return plain(text if beyond <= 0 else f"{text[:LONGEST_TEXT]}\n[{beyond:,} more characters are in the run folder]")
