"""How sure an agent is: how the confidence of single decisions travels from a method to its episode."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from langchain_core.messages import AIMessage, BaseMessage

KEY = "confidence"
"""Of a reply's ``response_metadata``: numbers in [0, 1] by name, put there by methods that know how sure they are."""


def with_confidence(reply: AIMessage, **sure: float) -> AIMessage:
    """The same reply, which also tells how sure a method is of it."""
    told = {**reply.response_metadata, KEY: {**reply.response_metadata.get(KEY, {}), **sure}}
    return reply.model_copy(update={"response_metadata": told})


def confidence(messages: Sequence[BaseMessage]) -> dict[str, float]:
    """Of an episode: by name, the mean over the decisions that tell it."""
    found = defaultdict[str, list[float]](list)
    for message in messages:
        if isinstance(message, AIMessage):
            for name, sure in message.response_metadata.get(KEY, {}).items():
                found[name].append(sure)
    return {name: fmean(values) for name, values in found.items()}
