"""OFT (arXiv 2306.07280): the weights turned by orthogonal blocks, their angles kept."""

from __future__ import annotations

from typing import Any


def oft(rank: int) -> Any:
    from peft import OFTConfig

    return OFTConfig(r=0, oft_block_size=32, target_modules="all-linear", task_type="CAUSAL_LM")
