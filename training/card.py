"""A data card: what a training is fed, where it comes from, what was left out and why."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil
from typing import Any

from knowhow.memory.codec import encode
from knowhow.training.replies import calls_of
from knowhow.training.types import Data, Datum, Example, Judged, Message, Pair, Source

CountTokens = Callable[[Sequence[Message]], int]
"""How many tokens a conversation takes."""


def data_hash(data: Data[Datum]) -> str:
    """SHA-256 of the rows, with all that they hold, in their order: the order is part of what is trained on."""
    hashed = hashlib.sha256()
    for row in data.rows:
        hashed.update(json.dumps([type(row).__name__, encode(row)], sort_keys=True).encode() + b"\n")
    return hashed.hexdigest()


def card(data: Data[Datum], count_tokens: CountTokens | None = None) -> dict[str, Any]:
    """The card as plain JSON data.

    ``episodes`` counts those that a row came from, ``successes`` those of them with the full reward, where it is known.
    Lengths are of whole conversations, both of a pair, in characters, and in tokens where ``count_tokens`` is given.
    """
    origins = [source for row in data.rows for source in sources(row)]
    episodes = list({source.trajectory: source for source in origins}.values())
    talks = [talk for row in data.rows for talk in conversations(row)]
    return {
        "rows": len(data.rows),
        "forms": dict(Counter(type(row).__name__.lower() for row in data.rows)),
        "episodes": len(episodes),
        "successes": sum(one.reward is not None and one.reward >= 1 - 1e-9 for one in episodes),
        "mean_reward": _mean([one.reward for one in episodes if one.reward is not None]),
        "tasks": len({(one.suite, one.task) for one in episodes}),
        "suites": _counts(one.suite for one in episodes),
        "kinds": _counts(one.kind for one in episodes),
        "splits": _counts(one.split for one in episodes),
        "models": _counts(one.model for one in episodes),
        "memory_versions": _counts(str(one.memory_version) for one in episodes),
        "replies": _replies(data.rows),
        "messages": _spread(list(map(len, talks))),
        "characters": _spread([sum(map(_characters, talk)) for talk in talks]),
        **({"tokens": _spread(list(map(count_tokens, talks)))} if count_tokens else {}),
        "dropped": [encode(one) for one in data.dropped],
        "sha256": data_hash(data),
    }


def conversations(row: Datum) -> list[tuple[Message, ...]]:
    """What a row says, whole: two conversations for a pair, the better one first."""
    if isinstance(row, Example):
        return [row.messages]
    if isinstance(row, Pair):
        return [(*row.prompt, row.chosen), (*row.prompt, row.rejected)]
    return [(*row.prompt, row.reply)]


def as_markdown(told: Mapping[str, Any]) -> str:
    """A card for people."""
    rows = ", ".join(f"{count:,} {form}" for form, count in told["forms"].items())
    lines = [
        "# Data card",
        "",
        f"- rows: {rows or 'none'}",
        f"- from: {told['episodes']:,} episodes of {told['tasks']:,} tasks, {told['successes']:,} of them successful",
        *(f"- {name.replace('_', ' ')}: {_listed(told[name])}" for name in _COUNTED),
        f"- replies: {_listed(told['replies'])}",
        *(f"- {name} a conversation: {_spread_text(told[name])}" for name in _LENGTHS if name in told),
        f"- SHA-256 of the rows: {told['sha256']}",
    ]
    dropped = [f"- {one['count']:,} {one['what']}: {one['why']}" for one in told["dropped"]]
    return "\n".join([*lines, "", "Left out:", "", *(dropped or ["- nothing"])]) + "\n"


_COUNTED = ("suites", "kinds", "splits", "models", "memory_versions")
_LENGTHS = ("messages", "characters", "tokens")


def sources(row: Datum) -> tuple[Source, ...]:
    """Where a row comes from: two places for a pair, the better one first."""
    return (row.source, row.rejected_source) if isinstance(row, Pair) else (row.source,)


def _replies(rows: Sequence[Datum]) -> dict[str, int]:
    """How many replies count in the loss, and how many are context alone."""
    counts: Counter[str] = Counter(counting=0, masked=0)
    for row in rows:
        counts.update(_standing(row))
    return dict(counts)


def _standing(row: Datum) -> Iterable[str]:
    if isinstance(row, Example):
        of_replies = zip(row.messages, row.weights, strict=True)
        return ["counting" if weight else "masked" for message, weight in of_replies if message["role"] == "assistant"]
    masked = ["masked" for message in row.prompt if message["role"] == "assistant"]
    if isinstance(row, Judged):
        return [*masked, "counting", "good" if row.good else "bad"]
    return [*masked, "counting", "counting"]


def _characters(message: Message) -> int:
    content = message.get("content") or ""
    said = len(content) if isinstance(content, str) else len(json.dumps(content))
    return said + sum(len(call["name"]) + len(call["arguments"]) for call in calls_of(message))


def _counts(values: Iterable[str]) -> dict[str, int]:
    """The most frequent first."""
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))


def _mean(numbers: Sequence[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None


def _spread(numbers: Sequence[int]) -> dict[str, int]:
    """Nearest ranks; nothing for no numbers."""
    if not numbers:
        return {}
    ranked = sorted(numbers)
    at = {name: ranked[max(0, ceil(share * len(ranked)) - 1)] for name, share in _RANKS.items()}
    return {**at, "total": sum(ranked)}


_RANKS = {"min": 0.0, "median": 0.5, "p95": 0.95, "max": 1.0}


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name or 'unknown'} {count:,}" for name, count in counts.items()) or "none"


def _spread_text(spread: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value:,}" for name, value in spread.items()) or "none"
