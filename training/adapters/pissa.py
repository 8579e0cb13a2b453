"""PiSSA (arXiv 2404.02948): LoRA that begins with the principal singular vectors of the weights."""

from __future__ import annotations

from typing import Any


def pissa(rank: int) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
        init_lora_weights="pissa_niter_4",
    )
