"""OpenAI's fine-tuning formats, which other providers read too.

Examples are ``messages`` in which each reply has a ``weight`` of 0 or 1, up to the last one that counts; pairs are
``input``, ``preferred_output`` and ``non_preferred_output`` (developers.openai.com/api/docs/guides: supervised
fine-tuning, direct preference optimization). There is none for single judged replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from knowhow.training.chat import strict
from knowhow.training.examples import trimmed
from knowhow.training.types import Datum, Example, Judged, Pair

PARTIAL = "OpenAI's format knows the weights 0 and 1 alone"
UNPAIRED = "OpenAI's formats have none for single judged replies; make pairs (--form pairs)"


def openai(rows: Sequence[Datum]) -> list[dict[str, Any] | str]:
    return [_told(row) for row in rows]


def _told(row: Datum) -> dict[str, Any] | str:
    if isinstance(row, Judged):
        return UNPAIRED
    return _pair(row) if isinstance(row, Pair) else _example(row)


def _example(row: Example) -> dict[str, Any] | str:
    if not set(row.weights) <= {0.0, 1.0}:
        return PARTIAL
    short = trimmed(row)
    messages = [
        {**message, "weight": int(weight)} if message["role"] == "assistant" else message
        for message, weight in zip(strict(short.messages), short.weights, strict=True)
    ]
    return {"messages": messages, **_tools(row)}


def _pair(row: Pair) -> dict[str, Any]:
    *prompt, chosen = strict((*row.prompt, row.chosen))
    rejected = strict((*row.prompt, row.rejected))[-1]
    return {
        "input": {"messages": prompt, **_tools(row)},
        "preferred_output": [chosen],
        "non_preferred_output": [rejected],
    }


def _tools(row: Datum) -> dict[str, Any]:
    return {"tools": [dict(tool) for tool in row.tools], "parallel_tool_calls": False} if row.tools else {}
