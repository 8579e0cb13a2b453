"""Training on preferences by TRL: pairs (DPO), and replies with an outcome alone (KTO)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from knowhow.agents.local.template import rendered
from knowhow.environments.errors import BadSetting
from knowhow.training.recipe import Job
from knowhow.training.tuning import arguments, open_base, quiet, run, save_whole, with_adapter
from knowhow.training.types import Judged, Message, Pair


def prefer(job: Job, pairs: Sequence[Pair], *, beta: float, losses: Sequence[str]) -> dict[str, Any]:
    """DPO (arXiv 2305.18290) with these losses of TRL's, against the base. Raises: as ``Recipe.train``."""
    from trl import DPOConfig, DPOTrainer

    def row(tokenizer: Any, pair: Pair) -> dict[str, Any]:
        prompt = rendered(tokenizer, pair.prompt, pair.tools, prompt=True)
        chosen, rejected = (_reply(tokenizer, pair, one, prompt) for one in (pair.chosen, pair.rejected))
        return {"prompt": prompt, "chosen": chosen, "rejected": rejected}

    return _trained(job, pairs, row, DPOTrainer, DPOConfig, lambda _: {"beta": beta, "loss_type": list(losses)})


def judge(job: Job, replies: Sequence[Judged], *, beta: float) -> dict[str, Any]:
    """KTO (arXiv 2402.01306), against the base. Raises: as ``Recipe.train``.

    Where there are more good replies than bad ones, or the other way round, the scarcer count for more each.
    """
    from trl import KTOConfig, KTOTrainer

    if job.tuning.batch < 2:
        raise BadSetting("kto compares a reply with the others of its batch; give it a batch of at least 2")
    # TRL takes them in their order, and holds a reply against what the next prompts in a batch were answered.
    mixed = Random(job.tuning.seed).sample(replies, len(replies))

    def row(tokenizer: Any, one: Judged) -> dict[str, Any]:
        prompt = rendered(tokenizer, one.prompt, one.tools, prompt=True)
        return {"prompt": prompt, "completion": _reply(tokenizer, one, one.reply, prompt), "label": one.good}

    def settings(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {"beta": beta, **evened(sum(row["label"] for row in rows), len(rows))}

    return _trained(job, mixed, row, KTOTrainer, KTOConfig, settings)


def evened(good: int, rows: int) -> dict[str, float]:
    """KTO's weights with which the good rows among so many count for as much as the bad ones (as its
    paper advises); both are 1 where there is but one sort."""
    bad = rows - good
    most = max(good, bad)
    weights = (most / good, most / bad) if good and bad else (1.0, 1.0)
    return dict(zip(("desirable_weight", "undesirable_weight"), weights, strict=True))


def _trained(
    job: Job,
    data: Sequence[Any],
    row: Callable[[Any, Any], dict[str, Any]],
    trainer: type,
    config: type,
    settings: Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]],
) -> dict[str, Any]:
    """``settings`` are the trainer's own, for the rows that are trained on."""
    from datasets import Dataset

    model, tokenizer = open_base(job.base)
    made = [found for found in (row(tokenizer, one) for one in data) if _fits(tokenizer, found, job.tuning.longest)]
    if not made:
        raise BadSetting(f"none of the {len(data)} rows fits into {job.tuning.longest} tokens")
    model = with_adapter(model, job.tuning, job.start, reference=True)
    args = arguments(job.folder, job.tuning, len(made), config, max_length=job.tuning.longest, **settings(made))
    with quiet():
        built = trainer(model=model, args=args, train_dataset=Dataset.from_list(made), processing_class=tokenizer)
    measured = run(built, job.progress)
    save_whole(model, job.adapter)
    return {**measured, "rows": len(made)}


def _fits(tokenizer: Any, row: Mapping[str, Any], longest: int) -> bool:
    texts = [row["prompt"] + row[name] for name in ("chosen", "rejected", "completion") if name in row]
    return all(len(tokenizer(text, add_special_tokens=False)["input_ids"]) <= longest for text in texts)


def _reply(tokenizer: Any, row: Pair | Judged, reply: Message, prompt: str) -> str:
    """The reply as the template shows it after the prompt, up to the end of what the model itself would say."""
    whole = rendered(tokenizer, (*row.prompt, reply), row.tools, prompt=False)
    if not whole.startswith(prompt):
        raise BadSetting("the chat template shows a reply differently from the prompt that asked for it")
    said, end = whole[len(prompt) :], tokenizer.eos_token
    return said[: said.rindex(end) + len(end)] if end in said else said
