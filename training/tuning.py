"""A trainer's life: a base with an adapter, checkpoints to go on from, progress, and weights that appear only whole."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from knowhow.agents.local.engine import check_extra
from knowhow.environments.discover import find
from knowhow.environments.errors import BadSetting, KnowhowError
from knowhow.training.settings import ADAPTERS, Tuning

Progress = Callable[[int, int, float], None]
"""Told after a step: its number, how many there are, and the loss."""


def open_base(path: Path) -> tuple[Any, Any]:
    """The model and the tokenizer in a folder, on the CPU in float32 where there is no GPU.

    Raises: MissingExtra, BadSetting.
    """
    check_extra()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for name in ("is_gradient_checkpointing", "gradient_checkpointing"):  # PEFT's and TRL's own, at every training
        warnings.filterwarnings("ignore", f"`{name}` is deprecated", FutureWarning)

    if not (path / "config.json").is_file():
        raise BadSetting(f"{path} holds no model; name a folder with a config.json, or make one: knowhow pocket build")
    with quiet():
        dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype)
        return model, AutoTokenizer.from_pretrained(path)


def with_adapter(model: Any, tuning: Tuning, start: Path | None = None, *, reference: bool = False) -> Any:
    """The model with a new adapter to train, whose first weights the tuning's seed decides, or with that of ``start``
    to go on training. ``reference``: is the base without it needed besides? Raises: BadSetting."""
    import torch
    from peft import PeftModel, get_peft_model

    if start is not None:
        return _unmasked(PeftModel.from_pretrained(model, start, is_trainable=True))
    config = find(ADAPTERS, tuning.adapter)(tuning.rank)
    if reference and _changes_base(config):
        raise BadSetting(
            f"the adapter {tuning.adapter} changes the base that this recipe compares with; train with --adapter lora"
        )
    with torch.random.fork_rng():
        torch.manual_seed(tuning.seed)
        made = get_peft_model(model, config)
    if _changes_base(config):
        made.knowhow_first = _weights(made)
    return _unmasked(made)


def _unmasked(model: Any) -> Any:
    """A causal model never looks at padding on the right, and attends twice as fast where no mask tells of it."""

    def unmask(_: Any, args: tuple[Any, ...], given: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        mask = given.get("attention_mask")
        on_the_right = mask is not None and mask.ndim == 2 and mask[:, 0].all() and (mask[:, 1:] <= mask[:, :-1]).all()
        return args, {**given, "attention_mask": None} if on_the_right else given

    model.register_forward_pre_hook(unmask, with_kwargs=True)
    return model


def save(model: Any, folder: Path) -> None:
    """Write the adapter. One that began as a part of the base's weights (PiSSA) is written as what it adds to the base
    as it was: a plain LoRA of twice the rank."""
    first = getattr(model, "knowhow_first", None)
    if first is None:
        model.save_pretrained(folder, selected_adapters=["default"])  # DPO over an adapter has its reference too
        return
    from safetensors.torch import save_file

    with TemporaryDirectory() as scratch:
        save_file(first, Path(scratch) / "adapter_model.safetensors")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the initial adapter's being loaded, which is what is asked for
            model.save_pretrained(
                folder, selected_adapters=["default"], path_initial_model_for_weight_conversion=scratch
            )


def _changes_base(config: Any) -> bool:
    """Does the adapter begin as a part of the base's weights, which it takes out of them?"""
    return str(getattr(config, "init_lora_weights", "")).startswith("pissa")


def _weights(model: Any) -> dict[str, Any]:
    from peft import get_peft_model_state_dict

    return {name: tensor.detach().clone() for name, tensor in get_peft_model_state_dict(model).items()}


def arguments(folder: Path, tuning: Tuning, rows: int, config: type | None = None, **more: Any) -> Any:
    """The training arguments of transformers, or of a trainer of TRL's by its ``config``."""
    import torch
    from transformers import TrainingArguments

    gpu = torch.cuda.is_available()
    steps = tuning.updates(rows)
    if config is not None:  # TRL's read everything twice to save memory, which is scarce on GPUs alone
        more["gradient_checkpointing"] = gpu
    return (config or TrainingArguments)(
        output_dir=str(folder),
        per_device_train_batch_size=tuning.batch,
        max_steps=steps,
        learning_rate=tuning.rate,
        lr_scheduler_type="cosine",
        warmup_steps=steps // 10,
        logging_steps=1,
        save_steps=tuning.between_checkpoints(steps),
        save_total_limit=2,
        seed=tuning.seed,
        report_to=tuning.report_to or "none",
        use_cpu=not gpu,
        bf16=in_bfloat16(),
        disable_tqdm=True,
        dataloader_pin_memory=gpu,
        remove_unused_columns=False,
        **more,
    )


def in_bfloat16() -> bool:
    """Is training done in it? On GPUs, and on CPUs that have instructions for it: without, it is slower."""
    import torch

    able = torch.cpu.get_capabilities()
    return torch.cuda.is_available() or bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def run(trainer: Any, progress: Progress = lambda step, steps, loss: None) -> dict[str, Any]:
    """Train to the end, from the last whole checkpoint where there is one; the losses, one a step, and the seconds.

    Raises: KnowhowError where the disk is full; the checkpoints stay, so that the same command goes on.
    """
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_watching(progress))
    folder = Path(trainer.args.output_dir)
    try:
        with quiet():
            last = last_checkpoint(folder)
            if last and last.endswith(f"-{trainer.args.max_steps}"):  # it was through, and died before it could tell
                return _loaded(trainer, Path(last))
            found = trainer.train(resume_from_checkpoint=last)
    except (OSError, RuntimeError) as error:
        if _disk_full(error):
            raise KnowhowError(f"no room left in {folder}; make room and run the same command again") from error
        raise
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {"steps": found.global_step, "losses": losses, "seconds": round(found.metrics["train_runtime"], 2)}


def _loaded(trainer: Any, checkpoint: Path) -> dict[str, Any]:
    """What a finished training left, without another step."""
    from transformers import TrainerState

    trainer._load_from_checkpoint(str(checkpoint))
    trainer.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {"steps": trainer.state.global_step, "losses": losses, "seconds": 0.0}


def last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that can be read; what a kill left half written goes."""
    from safetensors import SafetensorError, safe_open
    from torch import load

    for path in sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True):
        try:
            json.loads((path / "trainer_state.json").read_text())
            for weights in path.rglob("*.safetensors"):
                with safe_open(weights, "pt"):
                    pass
            load(path / "optimizer.pt", map_location="cpu", weights_only=True)
            return str(path)
        except (OSError, ValueError, RuntimeError, EOFError, SafetensorError):
            shutil.rmtree(path)
    return None


def save_whole(model: Any, target: Path) -> None:
    """Write an adapter so that ``target`` is there whole or not at all. Raises: KnowhowError on a full disk."""
    whole_folder(target, lambda part: save(model, part))


def whole_folder(target: Path, write: Callable[[Path], None]) -> None:
    """The folder that ``write`` makes, there whole or not at all. Raises: KnowhowError on a full disk."""
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        write(part)
        for file in part.iterdir():
            _to_disk(file)
        _to_disk(part)
        shutil.rmtree(target, ignore_errors=True)  # whole too, but a kill came before it was told of
        part.rename(target)
        _to_disk(target.parent)
    except (OSError, RuntimeError) as error:
        shutil.rmtree(part, ignore_errors=True)
        if not _disk_full(error):
            raise
        raise KnowhowError(f"no room left for {target}; make room and run the same command again") from error


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _disk_full(error: BaseException) -> bool:
    # PyTorch's and safetensors' writers tell it in words alone.
    words = str(error).lower()
    return getattr(error, "errno", None) == 28 or "no space left" in words or "pytorchstreamwriter failed" in words


class quiet:
    """Keeps the bars and hints of the training libraries off the terminal."""

    def __enter__(self) -> None:
        import datasets
        from transformers.utils import logging

        self._level = logging.get_verbosity()
        self._bars = logging.is_progress_bar_enabled(), not datasets.are_progress_bars_disabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        datasets.disable_progress_bars()

    def __exit__(self, *_: object) -> None:
        import datasets
        from transformers.utils import logging

        logging.set_verbosity(self._level)
        if self._bars[0]:
            logging.enable_progress_bar()
        if self._bars[1]:
            datasets.enable_progress_bars()


def _watching(progress: Progress) -> Any:
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_log(
            self, args: Any, state: Any, control: Any, logs: Mapping[str, float] | None = None, **_: Any
        ) -> None:
            if logs and "loss" in logs:
                with suppress(ValueError):
                    progress(state.global_step, state.max_steps, float(logs["loss"]))

    return Watch()
