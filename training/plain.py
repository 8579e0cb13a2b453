"""An adapter of any kind as the plain LoRA that servers load: exactly where it is one, near enough, or not at all.

vLLM takes LoRA alone, without DoRA's magnitudes, trained biases or whole modules. What another kind adds to each weight
is computed here, and the nearest matrix of low rank put in its place (a truncated singular value decomposition).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowhow.environments.errors import BadSetting
from knowhow.training.tuning import open_base, quiet, whole_folder

RANK = 32
"""The highest that vLLM takes is 16 unless it is told (``--max-lora-rank``)."""
LEAST_KEPT = 0.95
"""Of the squared size of the change that an adapter makes; below, it would be another adapter."""


def is_plain(folder: Path) -> bool:
    """Does a server load the adapter in ``folder`` as it is? Raises: BadSetting for what is no adapter."""
    try:
        config = json.loads((folder / "adapter_config.json").read_text())
    except (OSError, ValueError) as error:
        raise BadSetting(f"{folder} is no adapter: its adapter_config.json cannot be read ({error})") from error
    return (
        config.get("peft_type") == "LORA"
        and config.get("bias", "none") == "none"
        and config.get("init_lora_weights", True) in (True, False, "gaussian")
        and not any(config.get(name) for name in ("use_dora", "modules_to_save", "lora_bias", "arrow_config"))
    )


def as_plain(folder: Path, base: Path, rank: int = RANK) -> Path:
    """The folder of a plain LoRA of at most ``rank`` that does what the adapter in ``folder`` does to ``base``: the
    same one where it is plain, else one beside it, made once.

    Raises: MissingExtra; BadSetting where it is no adapter of ``base``, and where a LoRA of this rank would hold less
    than ``LEAST_KEPT`` of it.
    """
    if is_plain(folder):
        return folder
    target = folder.with_name(f"{folder.name}-plain-{rank}")
    if not target.exists():
        with quiet():
            config, weights, kept = _nearest(folder, base, rank)
        if kept < LEAST_KEPT:
            raise BadSetting(
                f"the adapter {folder} is no plain LoRA, and one of rank {rank} would hold only {kept:.0%} of it; "
                "train with --adapter lora to have it on a server, or use it as hf:PATH@ADAPTER"
            )
        whole_folder(target, lambda part: _write(part, config, weights))
    return target


def _nearest(folder: Path, base: Path, rank: int) -> tuple[Any, dict[str, Any], float]:
    """PEFT's configuration of the LoRA, its weights, and how much of the change they hold, from 0 to 1."""
    from peft import LoraConfig, PeftModel

    model = PeftModel.from_pretrained(open_base(base)[0], folder)
    weights, all_of_it, kept = dict[str, Any](), 0.0, 0.0
    for name, change in _changes(model):
        a, b = _truncated(change, rank)
        weights |= {f"{name}.lora_A.weight": a, f"{name}.lora_B.weight": b}
        all_of_it += float(change.square().sum())
        kept += float((b @ a).square().sum())
    leaves = sorted({name.rpartition(".")[2] for name in {key.rpartition(".lora_")[0] for key in weights}})
    config = LoraConfig(
        r=rank,
        lora_alpha=rank,
        target_modules=leaves,
        task_type="CAUSAL_LM",
        base_model_name_or_path=str(base),
        inference_mode=True,
    )
    return config, weights, kept / all_of_it if all_of_it else 1.0


def _changes(model: Any) -> Iterator[tuple[str, Any]]:
    """What the adapter adds to each weight, by the layer's name. Raises: BadSetting for a layer that is not linear."""
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in model.named_modules():
        if not isinstance(layer, BaseTunerLayer):
            continue
        inner = layer.get_base_layer()
        if not isinstance(inner, torch.nn.Linear):
            raise BadSetting(f"the adapter changes {name}, a {type(inner).__name__}, which no plain LoRA can")
        before = inner.weight.detach().clone()
        layer.merge()
        yield name, (inner.weight.detach() - before).float()
        inner.weight.data = before


def _truncated(change: Any, rank: int) -> tuple[Any, Any]:
    """The two factors of the nearest matrix of this rank; filled up with zeros where the matrix is smaller."""
    import torch

    u, s, v = torch.linalg.svd(change, full_matrices=False)
    root = s[:rank].sqrt()
    lacking = rank - len(root)
    a = torch.nn.functional.pad(root[:, None] * v[:rank], (0, 0, 0, lacking))
    b = torch.nn.functional.pad(u[:, :rank] * root, (0, lacking))
    return a.contiguous(), b.contiguous()


def _write(part: Path, config: Any, weights: dict[str, Any]) -> None:
    from safetensors.torch import save_file

    part.mkdir(parents=True)
    save_file(weights, part / "adapter_model.safetensors", metadata={"format": "pt"})
    config.save_pretrained(str(part))
