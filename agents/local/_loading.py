"""From a folder to a model that is ready to be run."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AttentionInterface, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as told

from knowhow.agents.local import _attention
from knowhow.agents.local._adapters import Adapters
from knowhow.agents.local._worker import Worker
from knowhow.environments.errors import BadSetting


def load(path: Path, kept_bytes: int) -> Worker:
    """Raises: BadSetting for what cannot be loaded, or has another kind of attention than ours."""
    # PEFT's own, each time that it puts an adapter beside a model.
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
    AttentionInterface.register(_attention.NAME, _attention.attend)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        with _quietly():
            tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
            model: Any = AutoModelForCausalLM.from_pretrained(
                path,
                dtype="auto" if device == "cuda" else torch.float32,
                attn_implementation=_attention.NAME,
                local_files_only=True,
            )
    except Exception as error:
        raise BadSetting(f"the model {path} cannot be loaded: {' '.join(str(error).split())[:300]}") from error
    if not tokenizer.chat_template:
        raise BadSetting(f"the tokenizer of {path} has no chat template; save it with one")
    model = model.to(device).eval()
    worker = Worker(path.name, Adapters(model, path), tokenizer, _ends(model, tokenizer), _window(model), kept_bytes)
    try:
        worker.try_out()
    except Exception as error:
        raise BadSetting(
            f"the engine cannot run a {type(model).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error
    return worker


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    told = [model.generation_config.eos_token_id, tokenizer.eos_token_id]
    lists = [one if isinstance(one, list) else [one] for one in told]
    return frozenset(one for many in lists for one in many if one is not None)


def _window(model: Any) -> int:
    text = model.config.get_text_config()
    return int(text.max_position_embeddings)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without bars: what loads in a second needs none, and they would be among the program's own."""
    bars: Any = told
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
