"""Supervised training on weighted tokens: TRL's ``SFTTrainer``, with a weight for each token in the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from knowhow.environments.errors import BadSetting
from knowhow.training.recipe import Job
from knowhow.training.tokens import Row, rows
from knowhow.training.tuning import arguments, open_base, quiet, run, save_whole, with_adapter
from knowhow.training.types import Example


def imitate(job: Job, examples: Sequence[Example]) -> dict[str, Any]:
    """Train an adapter to reply as the examples do, each reply as much as it weighs. Raises: as ``Recipe.train``."""
    model, tokenizer = open_base(job.base)
    made = [row for example in examples for row in rows(tokenizer, example, job.tuning.longest)]
    if not made:
        raise BadSetting(
            f"none of the {len(examples)} examples has a reply to learn within {job.tuning.longest} tokens"
        )
    model = with_adapter(model, job.tuning, job.start)
    measured = run(weighted_trainer(model, tokenizer, made, job), job.progress)
    save_whole(model, job.adapter)
    counting = sum(sum(weight > 0 for weight in row.weights) for row in made)
    return {**measured, "rows": len(made), "tokens": sum(len(row.ids) for row in made), "tokens_in_loss": counting}


def weighted_trainer(model: Any, tokenizer: Any, made: Sequence[Row], job: Job) -> Any:
    """An ``SFTTrainer`` whose loss is the mean of the tokens' negative log-likelihoods, weighted."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    class Weighted(SFTTrainer):  # type: ignore[misc]
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
            weights = inputs.pop("weights")
            out = model(**inputs, use_cache=False)
            loss = weighted_loss(out.logits, inputs["input_ids"], weights)
            return (loss, out) if return_outputs else loss

    data = Dataset.from_list([{"input_ids": list(row.ids), "weights": list(row.weights)} for row in made])
    with quiet():
        return Weighted(
            model=model,
            args=arguments(job.folder, job.tuning, len(made), SFTConfig, dataset_kwargs={"skip_prepare_dataset": True}),
            train_dataset=data,
            processing_class=tokenizer,
            data_collator=padded(tokenizer.pad_token_id),
        )


def weighted_loss(logits: Any, ids: Any, weights: Any) -> Any:
    """The mean over the tokens of a batch that count, each as much as it weighs: an example of weight 2 moves twice as
    far, whatever else is in its batch. ``logits`` (B, T, V), ``ids`` and ``weights`` (B, T)."""
    import torch

    each = torch.nn.functional.cross_entropy(logits[:, :-1].mT.float(), ids[:, 1:], reduction="none").flatten()
    counted = weights[:, 1:].flatten()
    return (each * counted).sum() / (counted > 0).sum().clamp(min=1)


def padded(pad: int) -> Any:
    """A collator of ``input_ids`` and ``weights`` that pads on the right, where a causal model needs no mask."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    def collate(batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
        ids = [torch.tensor(row["input_ids"]) for row in batch]
        weights = [torch.tensor(row["weights"], dtype=torch.float32) for row in batch]
        return {
            "input_ids": pad_sequence(ids, batch_first=True, padding_value=pad),
            "weights": pad_sequence(weights, batch_first=True),
        }

    return collate
