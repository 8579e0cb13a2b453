"""LoKr (arXiv 2212.10650): the Kronecker product of small matrices."""

from __future__ import annotations

from typing import Any


def lokr(rank: int) -> Any:
    from peft import LoKrConfig

    return LoKrConfig(r=rank, alpha=rank, target_modules="all-linear", task_type="CAUSAL_LM")
