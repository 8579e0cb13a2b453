"""LoHa (arXiv 2108.06098): the Hadamard product of two low-rank products."""

from __future__ import annotations

from typing import Any


def loha(rank: int) -> Any:
    from peft import LoHaConfig

    return LoHaConfig(r=rank, alpha=rank, target_modules="all-linear", task_type="CAUSAL_LM")
