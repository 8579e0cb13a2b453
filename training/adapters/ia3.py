"""IA3 (arXiv 2205.05638): the activations scaled by learned vectors; the rank does not matter."""

from __future__ import annotations

from typing import Any


def ia3(rank: int) -> Any:
    from peft import IA3Config

    scaled = ["k_proj", "v_proj", "down_proj"]
    return IA3Config(target_modules=scaled, feedforward_modules=scaled[-1:], task_type="CAUSAL_LM")
