"""Plain LoRA (arXiv 2106.09685): what every server can load."""

from __future__ import annotations

from typing import Any


def lora(rank: int) -> Any:
    from peft import LoraConfig

    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
