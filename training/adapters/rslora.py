"""rsLoRA (arXiv 2312.03732): LoRA whose scale falls with the square root of the rank."""

from __future__ import annotations

from typing import Any


def rslora(rank: int) -> Any:
    from peft import LoraConfig

    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM", use_rslora=True)
