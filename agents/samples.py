"""Replies as they were sampled: how token ids and log-probabilities travel from a reply to its trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from knowhow.environments.types import Sample

KEY = "sample"
"""Of a reply's ``response_metadata``: ``sampled(...)``, put there by models that tell their tokens."""


def sampled(prompt: Sequence[int], tokens: Sequence[int], logprobs: Sequence[float], model: str) -> dict[str, Any]:
    """What a chat model puts under ``KEY``: the ids of the whole prompt and of the reply, the end token included, with
    the natural logarithm of each reply token's probability, and what answered (``base`` or ``base@adapter``)."""
    return {"prompt": list(prompt), "tokens": list(tokens), "logprobs": list(logprobs), "model": model}


def samples(messages: Sequence[BaseMessage]) -> tuple[Sample | None, ...]:
    """The sample of every reply among these messages, each prompt without what it shares with the one before; nothing
    where no reply has any."""
    found: list[Sample | None] = []
    before: list[int] = []
    for message in messages:
        if not isinstance(message, AIMessage):
            continue
        told = message.response_metadata.get(KEY)
        if told is None:
            found.append(None)
            continue
        prompt, tokens = told["prompt"], told["tokens"]
        kept = _shared(before, prompt)
        found.append(Sample(tuple(prompt[kept:]), tuple(tokens), tuple(told["logprobs"]), kept, told["model"]))
        before = [*prompt, *tokens]
    return tuple(found) if any(found) else ()


def unfolded(folded: Sequence[Sample | None]) -> list[tuple[list[int], Sample] | None]:
    """Each sample with the ids of its whole prompt."""
    whole: list[tuple[list[int], Sample] | None] = []
    before: list[int] = []
    for sample in folded:
        if sample is None:
            whole.append(None)
            continue
        prompt = [*before[: sample.kept], *sample.prompt]
        whole.append((prompt, sample))
        before = [*prompt, *sample.tokens]
    return whole


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two sequences begin with alike."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))
