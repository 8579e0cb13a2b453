"""How likely a model is to reply as examples do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from knowhow.training.imitating import padded
from knowhow.training.tokens import Row, rows
from knowhow.training.types import Example

BATCH = 8


def log_likelihoods(model: Any, tokenizer: Any, examples: Sequence[Example], longest: int = 0) -> list[float]:
    """The natural logarithm of the probability of all tokens that count in each example, up to the last end of a turn;
    minus infinity for an example of which none is left within ``longest`` tokens."""
    made = [_last(tokenizer, rows(tokenizer, example, longest)) for example in examples]
    # Of like length together: padding is computed too.
    order = sorted((place for place, row in enumerate(made) if row), key=lambda place: len(made[place].ids))  # type: ignore[union-attr]
    found = [float("-inf")] * len(made)
    for start in range(0, len(order), BATCH):
        places = order[start : start + BATCH]
        for place, sum_ in zip(places, _sums(model, tokenizer, [made[place] for place in places]), strict=True):
            found[place] = sum_
    return found


def _last(tokenizer: Any, made: Sequence[Row]) -> Row | None:
    """Of an example's sequences the last one, without what a template writes after the end of a turn."""
    if not made:
        return None
    ids, weights = made[-1].ids, made[-1].weights
    end = next((at for at in reversed(range(len(ids))) if ids[at] == tokenizer.eos_token_id), len(ids) - 1) + 1
    return Row(ids[:end], weights[:end]) if any(weights[:end]) else made[-1]


def _sums(model: Any, tokenizer: Any, batch: Sequence[Any]) -> list[float]:
    import torch

    made = padded(tokenizer.pad_token_id or 0)([{"input_ids": row.ids, "weights": row.weights} for row in batch])
    counts = made.pop("weights").to(model.device)[:, 1:] > 0
    made = {name: part.to(model.device) for name, part in made.items()}
    with torch.inference_mode():
        logits = model(**made, use_cache=False).logits[:, :-1].float()
    each = torch.nn.functional.cross_entropy(logits.mT, made["input_ids"][:, 1:], reduction="none")
    sums: list[float] = (-(each * counts).sum(1)).tolist()
    return sums
