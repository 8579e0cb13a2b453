"""TRL's conversational formats (huggingface.co/docs/trl/dataset_formats), with ``tools``.

Replies one by one become ``prompt`` and ``completion``; whole episodes become ``messages``, to train with
``assistant_only_loss=True``; pairs become ``prompt``, ``chosen`` and ``rejected``; judged replies ``prompt``,
``completion`` and ``label``. Arguments of calls are objects, as chat templates want them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from knowhow.training.chat import strict
from knowhow.training.examples import trimmed
from knowhow.training.types import Datum, Example, Judged, Message

MASKED = "TRL's messages cannot say which replies are masked or weigh less; make replies one by one (--form turns)"


def trl(rows: Sequence[Datum]) -> list[dict[str, Any] | str]:
    by_turn = all(isinstance(row, Example) and not any(row.weights[:-1]) for row in rows)
    return [_example(row, by_turn) if isinstance(row, Example) else _choice(row) for row in rows]


def _example(row: Example, by_turn: bool) -> dict[str, Any] | str:
    short = trimmed(row)
    replies = zip(short.messages, short.weights, strict=True)
    weights = [weight for message, weight in replies if message["role"] == "assistant"]
    if set(weights[-1:] if by_turn else weights) != {1.0}:
        return MASKED
    told = _told(short.messages)
    if by_turn:
        return {"prompt": told[:-1], "completion": told[-1:], **_tools(row)}
    return {"messages": told, **_tools(row)}


def _choice(row: Datum) -> dict[str, Any]:
    if isinstance(row, Judged):
        *prompt, reply = _told((*row.prompt, row.reply))
        return {"prompt": prompt, "completion": [reply], "label": row.good, **_tools(row)}
    assert not isinstance(row, Example)
    *prompt, chosen = _told((*row.prompt, row.chosen))
    return {"prompt": prompt, "chosen": [chosen], "rejected": _told((*row.prompt, row.rejected))[-1:], **_tools(row)}


def _tools(row: Datum) -> dict[str, Any]:
    return {"tools": [dict(tool) for tool in row.tools]}


def _told(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [_with_objects(message) for message in strict(messages)]


def _with_objects(message: dict[str, Any]) -> dict[str, Any]:
    if not message.get("tool_calls"):
        return message
    calls = [
        {**call, "function": {**call["function"], "arguments": json.loads(call["function"]["arguments"])}}
        for call in message["tool_calls"]
    ]
    return {**message, "tool_calls": calls}
