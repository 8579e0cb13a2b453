"""What a training takes, measured on one update of middling rows that is thrown away."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from knowhow.environments.errors import BadSetting
from knowhow.training.imitating import padded, weighted_loss
from knowhow.training.settings import Tuning
from knowhow.training.tokens import rows
from knowhow.training.tuning import in_bfloat16, open_base, with_adapter
from knowhow.training.types import Data, Datum, Example, Pair

SAMPLE = 64


def measured(base: Path, data: Data[Datum], tuning: Tuning, batches: int) -> dict[str, Any]:
    """``seconds`` and ``memory_mb`` of so many batches, both rough, and the tokens of a row at the median.
    Raises: BadSetting where no row fits into ``Tuning.longest``."""
    import torch

    model, tokenizer = open_base(base)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = with_adapter(model, tuning).to(device)
    made = [row for datum in data.rows[:SAMPLE] for row in rows(tokenizer, _example(datum), tuning.longest)]
    if not made:
        raise BadSetting(f"none of the first {len(data.rows[:SAMPLE])} rows has a reply within {tuning.longest} tokens")
    middling = sorted(made, key=lambda row: len(row.ids))[len(made) // 2]
    batch = padded(0)([{"input_ids": list(middling.ids), "weights": list(middling.weights)}] * tuning.batch)
    ids, weights = batch["input_ids"].to(device), batch["weights"].to(device)
    began = time.perf_counter()
    with torch.autocast(device, torch.bfloat16, enabled=in_bfloat16()):
        logits = model(input_ids=ids, use_cache=False).logits
    weighted_loss(logits, ids, weights).backward()
    if device == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    if device == "cuda":
        memory = torch.cuda.max_memory_allocated() / 1e6
    else:
        memory = _memory_mb(model, tuning.batch * len(middling.ids))
    return {
        "tokens_per_row": len(middling.ids),
        "trainable": sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        "seconds": round(seconds * batches, 1),
        "memory_mb": round(memory),
    }


def _memory_mb(model: Any, tokens: int) -> float:
    """Weights, the trained ones with gradients and Adam's two moments, and activations: some 16 numbers of the hidden
    size a layer and token, and three of the vocabulary's a token."""
    config = model.config
    weights = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    trained = sum(weight.numel() * 12 for weight in model.parameters() if weight.requires_grad)
    activations = tokens * 4 * (16 * config.num_hidden_layers * config.hidden_size + 3 * config.vocab_size)
    return float(weights + trained + activations) / 1e6


def _example(datum: Datum) -> Example:
    """The row as something to imitate, so that its tokens can be counted."""
    if isinstance(datum, Example):
        return datum
    reply = datum.chosen if isinstance(datum, Pair) else datum.reply
    weights = (*[0.0] * len(datum.prompt), 1.0)
    return Example((*datum.prompt, reply), weights, datum.source, datum.tools)
