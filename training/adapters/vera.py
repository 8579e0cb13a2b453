"""VeRA (arXiv 2310.11454): shared random matrices, of which only scaling vectors are learned."""

from __future__ import annotations

from typing import Any


def vera(rank: int) -> Any:
    from peft import VeraConfig

    return VeraConfig(r=rank, target_modules="all-linear", task_type="CAUSAL_LM")
