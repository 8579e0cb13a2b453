"""The pocket model made of episodes: its tokenizer, its weights, and the folder that holds both."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from knowhow.agents.local.template import rendered
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Trajectory
from knowhow.training.examples import whole
from knowhow.training.pocket.pretrain import Size, new_model, pretrain
from knowhow.training.pocket.tokenizer import train_tokenizer
from knowhow.training.tokens import rows
from knowhow.training.tuning import quiet

TEXTS = 400
"""About so many episodes, of all kinds of play, train the tokenizer."""


def build(
    episodes: Sequence[Trajectory],
    out: Path,
    *,
    size: Size = Size(),  # noqa: B008 - it is immutable
    vocabulary: int = 2048,
    seed: int = 0,
    tell: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> dict[str, Any]:
    """Train a model of ``size`` to play like the episodes, one update each and in their order, and write it to ``out``,
    which must not exist yet; its parameters, tokens and loss. Raises: BadSetting."""
    if out.exists():
        raise BadSetting(f"{out} exists already; name another folder by --out")
    if not episodes:
        raise BadSetting("there are no episodes to learn from")
    import torch

    torch.manual_seed(seed)
    with quiet():
        blank = train_tokenizer([""], 300)
        spread = episodes[:: max(1, len(episodes) // TEXTS)]
        texts = [rendered(blank, one.messages, one.tools, prompt=False) for one in spread]
        tokenizer = train_tokenizer(texts, vocabulary)
        made = [row for one in episodes for row in rows(tokenizer, whole(one), size.window)]
        model = new_model(len(tokenizer), size, seed, tokenizer.eos_token_id, tokenizer.pad_token_id)
    losses = pretrain(model, made, tell=tell)
    parameters = sum(weight.numel() for weight in model.parameters())
    tail = losses[-max(1, len(losses) // 10) :]
    about = {
        "parameters": parameters,
        "vocabulary": len(tokenizer),
        "episodes": len(episodes),
        "tokens_per_episode": round(sum(len(row.ids) for row in made) / len(made)),
        "loss": round(sum(tail) / len(tail), 4),
        "seed": seed,
    }
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with quiet():
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
    (part / "pocket.json").write_text(json.dumps(about, indent=1))
    part.rename(out)
    return about
