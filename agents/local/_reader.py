"""One pass of the model over the next tokens of several sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from knowhow.agents.local._attention import Part, Pass
from knowhow.agents.local._memory import Memory

PASS_TOKENS = 2048
"""The most tokens in one pass: a longer prompt is read in several, between which the other replies go on."""


def read(model: Any, sequences: Sequence[tuple[Memory, Sequence[int]]]) -> dict[int, torch.Tensor]:
    """Let the model read what follows each memory, which then holds it: ``PASS_TOKENS`` at most, what is short first.

    Returns the logits after the last token of each sequence that was read to its end, by its place in ``sequences``.
    """
    parts: list[Part] = []
    ids: list[int] = []
    ends: dict[int, int] = {}
    for at in sorted(range(len(sequences)), key=lambda at: len(sequences[at][1])):
        memory, pending = sequences[at]
        taken = pending[: PASS_TOKENS - len(ids)]
        if not taken:
            break
        parts.append(Part(memory, taken))
        ids += taken
        if len(taken) == len(pending):
            ends[at] = len(ids) - 1
    logits = _run(model, ids, parts, list(ends.values()))
    for part in parts:
        part.memory.ids.extend(part.ids)
    return dict(zip(ends, logits, strict=True))


def _run(model: Any, ids: list[int], parts: Sequence[Part], wanted: list[int]) -> torch.Tensor:
    places = [place for part in parts for place in range(part.start, part.end)]
    together = Pass(parts)
    with torch.inference_mode():
        made = model(
            input_ids=torch.tensor([ids], device=model.device),
            position_ids=torch.tensor([places], device=model.device),
            past_key_values=together,
            use_cache=True,
            logits_to_keep=torch.tensor(wanted, dtype=torch.long, device=model.device),
            sequences=together,
        )
    logits: torch.Tensor = made.logits[0]
    return logits
