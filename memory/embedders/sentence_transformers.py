"""``sentence_transformers:PATH``: a sentence-transformers model, from a folder or by its name. Extra: ``embed``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowhow.environments.errors import BadSetting, MissingExtra
from knowhow.memory.types import Embedder


def sentence_transformers(argument: str = "") -> Embedder:
    """The embedder of the model at a path, or of that name where it can be had; loaded now, on the CPU.

    Raises: MissingExtra; BadSetting where no model is named, or it cannot be loaded.
    """
    if not argument:
        raise BadSetting("the embedder sentence_transformers needs a model; write sentence_transformers:PATH")
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingExtra("the embedder sentence_transformers needs `pip install knowhow-agents[embed]`") from error
    try:
        return SentenceTransformers(SentenceTransformer(argument, device="cpu"), argument)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadSetting(f"the sentence-transformers model {argument!r} cannot be loaded: {reason}") from error


class SentenceTransformers:
    """A loaded model, told apart from others by its full path."""

    def __init__(self, model: Any, argument: str) -> None:
        self.name = f"sentence_transformers:{Path(argument).resolve() if Path(argument).exists() else argument}"
        self._model = model

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        # An empty batch, too, has as many columns as the model has dimensions.
        vectors = self._model.encode(list(texts) or [""], normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32)[: len(texts)]
