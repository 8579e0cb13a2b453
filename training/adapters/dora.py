"""DoRA (arXiv 2402.09353): LoRA with the magnitude of each weight vector learned apart."""

from __future__ import annotations

from typing import Any


def dora(rank: int) -> Any:
    from peft import LoraConfig

    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM", use_dora=True)
