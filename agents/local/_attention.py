"""Attention over sequences of any lengths in one pass, each over its own memory: nothing is padded.

A pass is one row of tokens, sequence after sequence. All layers but attention treat a token by itself, so that reading
a long prompt and going on with other replies share a pass, and no reply depends on its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from knowhow.agents.local._memory import Memory

NAME = "knowhow_sequences"
"""Under which transformers knows it (``AttentionInterface``)."""


class Part:
    """The next tokens of one sequence, from place ``start`` to before ``end``."""

    def __init__(self, memory: Memory, ids: Sequence[int]) -> None:
        self.memory, self.ids = memory, ids
        self.start = len(memory.ids)
        self.end = self.start + len(ids)
        self._masks: dict[int | None, torch.Tensor] = {}

    def mask(self, window: int | None, device: torch.device) -> torch.Tensor:
        """Which tokens each new one sees: itself and those before it, within the layer's window."""
        if window not in self._masks:
            places = torch.arange(self.end, device=device)
            behind = places[self.start :, None] - places
            self._masks[window] = (behind >= 0) & (behind < (window or self.end))
        return self._masks[window]


class Pass:
    """Stands where a model expects its cache: keys and values go through, and attention puts them into the memories."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts

    def update(self, keys: Any, values: Any, *more: Any, **settings: Any) -> tuple[Any, Any]:
        return keys, values

    def get_seq_length(self, *layer: int) -> int:
        return 0


def attend(
    module: Any,
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor | None,
    *,
    sequences: Pass,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **settings: Any,
) -> tuple[torch.Tensor, None]:
    """The attention function of transformers, over tensors of shape (1, heads, tokens, size).

    Raises: NotImplementedError for a model whose attention does more than this.
    """
    lacking = [name for name in ("softcap", "s_aux", "position_bias") if settings.get(name) is not None]
    if lacking:
        raise NotImplementedError(f"attention with {lacking[0]}")
    made = []
    start = 0
    for part in sequences.parts:
        end = start + len(part.ids)
        known = part.memory.write(module.layer_idx, keys[0, :, start:end], values[0, :, start:end])
        made.append(_attend(part, queries[0, :, start:end], *known, scaling, sliding_window))
        start = end
    return torch.cat(made)[None], None


def _attend(
    part: Part,
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """Of shape (tokens, heads, size)."""
    if len(part.ids) > 1:
        mask = part.mask(window, queries.device)
        seen = scaled_dot_product_attention(
            queries[None], keys[None], values[None], attn_mask=mask, scale=scaling, enable_gqa=True
        )
        return seen[0].transpose(0, 1)
    # One token: the heads that share keys go as if they were tokens, which needs neither copies nor a mask.
    if window:
        keys, values = keys[:, -window:], values[:, -window:]
    groups = queries.reshape(keys.shape[0], -1, queries.shape[-1])
    seen = scaled_dot_product_attention(groups[None], keys[None], values[None], scale=scaling)
    return seen.reshape(1, queries.shape[0], -1)
