"""Examples as token ids with a weight for each token: exactly as sampled where the samples are known, else through the
chat template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from knowhow.agents.local.template import rendered
from knowhow.agents.samples import unfolded
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Sample
from knowhow.training.types import Example, Message


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence to train on: ``ids`` and, of the same length, how much each token counts in the loss."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


def rows(tokenizer: Any, example: Example, longest: int = 0) -> list[Row]:
    """The sequences of an example: one, or several where the template shows earlier turns differently later on (as
    those do that drop what a model thought). ``longest`` cuts off what is beyond so many tokens, 0 nothing; a row with
    nothing left that counts is dropped.

    Raises: BadSetting where the template cannot be used.
    """
    sampled = _all_sampled(tokenizer, example)
    made = _as_sampled(example) if sampled else _through_template(tokenizer, example)
    cut = [Row(row.ids[: longest or None], row.weights[: longest or None]) for row in made]
    return [row for row in cut if any(row.weights)]


def replies(messages: Sequence[Message]) -> list[int]:
    """Where the assistant's messages are."""
    return [place for place, message in enumerate(messages) if message["role"] == "assistant"]


def _all_sampled(tokenizer: Any, example: Example) -> bool:
    """Is every reply that counts there in token ids, which are this tokenizer's?"""
    places = replies(example.messages)
    return len(example.samples) == len(places) and all(
        not example.weights[place] if sample is None else _says(tokenizer, sample, example.messages[place])
        for place, sample in zip(places, example.samples, strict=True)
    )


def _says(tokenizer: Any, sample: Sample, reply: Message) -> bool:
    """Do the ids of a sample, read by this tokenizer, say what the reply says? Those of another model do not."""
    known = len(tokenizer)
    if any(token >= known for token in (*sample.prompt, *sample.tokens)):
        return False
    parts = [
        str(reply.get("content") or "").strip(),
        *(one["function"]["name"] for one in reply.get("tool_calls") or ()),
    ]
    read = (  # a reply is read without special tokens, of which it may have some in its midst
        tokenizer.decode(sample.tokens, clean_up_tokenization_spaces=False, skip_special_tokens=skip)
        for skip in (True, False)
    )
    return any(all(part in text for part in parts) for text in read)


def _as_sampled(example: Example) -> Iterator[Row]:
    ids: list[int] = []
    weights: list[float] = []
    for place, found in zip(replies(example.messages), unfolded(example.samples), strict=True):
        if found is None:
            continue
        prompt, sample = found
        if prompt[: len(ids)] != ids:
            yield Row(tuple(ids), tuple(weights))
            ids, weights = [], []
        weight = example.weights[place]
        weights += [0.0] * (len(prompt) - len(ids)) + [weight] * len(sample.tokens)
        ids = [*prompt, *sample.tokens]
    yield Row(tuple(ids), tuple(weights))


def _through_template(tokenizer: Any, example: Example) -> Iterator[Row]:
    text, spans = "", list[tuple[int, int, float]]()
    for place in replies(example.messages):
        before = rendered(tokenizer, example.messages[:place], example.tools, prompt=True)
        after = rendered(tokenizer, example.messages[: place + 1], example.tools, prompt=False)
        if not after.startswith(before):
            raise BadSetting("the chat template shows a reply differently from the prompt that asked for it")
        if not before.startswith(text):
            yield _encoded(tokenizer, text, spans)
            spans = []
        text = after
        spans.append((len(before), len(after), example.weights[place]))
    yield _encoded(tokenizer, text, spans)


def _encoded(tokenizer: Any, text: str, spans: Sequence[tuple[int, int, float]]) -> Row:
    """Prompts and replies each encoded by themselves, as they are when a model replies: no token lies across."""
    ids: list[int] = []
    weights: list[float] = []
    place = 0
    for begin, end, weight in (*spans, (len(text), len(text), 0.0)):
        for part, worth in ((text[place:begin], 0.0), (text[begin:end], weight)):
            made = tokenizer(part, add_special_tokens=False)["input_ids"] if part else []
            ids += made
            weights += [worth] * len(made)
        place = end
    return Row(tuple(ids), tuple(weights))
