"""The adapters of a loaded model: loaded, chosen and unloaded between two passes, by the thread that runs these."""

from __future__ import annotations

import hashlib
import json
from itertools import count
from pathlib import Path
from typing import Any

from peft import PeftConfig, PeftModel

from knowhow.agents.local.weights import check_base
from knowhow.environments.errors import BadSetting


class Adapters:
    """A base model, from its folder, and the adapters beside it, all of one kind of PEFT's. A name stands for the same
    weights for ever: none is used for others, not even after it was unloaded."""

    def __init__(self, model: Any, folder: Path) -> None:
        self.model = model
        self._folder = folder
        self._peft: PeftModel | None = None
        self._loaded: dict[str, str] = {}
        self._used: dict[str, str] = {}
        self._numbers = count()
        self._now: str | None = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._loaded)

    def load(self, name: str, path: Path) -> None:
        """Raises: BadSetting for a name that is in use or was that of other weights, and for what does not fit the
        model."""
        config, weights = read_config(path), _digest(path)
        check_base(path, self._folder)
        if not name or name in self._loaded or self._used.get(name, weights) != weights:
            raise BadSetting(f"the adapter name {name!r} was used before; give every version a name of its own")
        inside = f"adapter_{next(self._numbers)}"  # PEFT makes it a module's name, which not every string can be
        self._now = None
        try:
            self._add(inside, config, path)
        except Exception as error:
            if self._peft is not None and inside in self._peft.peft_config:
                self._peft.delete_adapter(inside)
            raise BadSetting(f"the adapter {path} cannot be loaded: {_line(error)}") from error
        self._used[name] = weights
        self._loaded[name] = inside

    def unload(self, name: str) -> None:
        """Its name stays used."""
        assert self._peft is not None
        inside = self._loaded.pop(name)
        self._now = None
        if not self._loaded:  # the base bare again, ready for adapters of another kind
            self._peft.unload()
            self._peft = None
            return
        self.choose("")  # PEFT chooses another one itself otherwise, and warns of it
        self._peft.delete_adapter(inside)

    def choose(self, name: str) -> None:
        """What ``model`` computes with from now on; with an empty name, the base's own layers alone."""
        if name == self._now:
            return
        if self._peft is not None and self._loaded:
            tuner: Any = self._peft.base_model
            tuner.set_adapter(self._loaded[name or next(iter(self._loaded))], inference_mode=True)
            if name:
                tuner.enable_adapter_layers()
            else:
                tuner.disable_adapter_layers()
        self._now = name

    def _add(self, inside: str, config: Any, path: Path) -> None:
        """The layers first and the weights then, so that what does not fit can be taken back."""
        if self._peft is None:
            self._peft = PeftModel(self.model, config, adapter_name=inside)
        told = self._peft.load_adapter(str(path), adapter_name=inside, is_trainable=False)
        self.model.eval()
        if told.missing_keys or told.unexpected_keys:
            names = [*told.missing_keys, *told.unexpected_keys]
            raise ValueError(f"its weights are not those of this model ({names[0]})")


def read_config(path: Path) -> Any:
    """Raises: BadSetting for what is no adapter, or one that cannot be taken off again."""
    if not (path / "adapter_config.json").is_file():
        raise BadSetting(f"{path} is no adapter: it has no adapter_config.json")
    try:
        config = PeftConfig.from_pretrained(str(path))
    except (ValueError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise BadSetting(f"{path}/adapter_config.json cannot be read: {_line(error)}") from error
    if config.is_prompt_learning:
        raise BadSetting(
            f"{path} is of the kind {config.peft_type.value}, which is no adapter of weights; train a LoRA"
        )
    if getattr(config, "bias", "none") != "none":
        raise BadSetting(f"{path} changes the base's biases (bias={config.bias!r}); train it with bias='none'")
    if str(getattr(config, "init_lora_weights", "")).startswith(("pissa", "olora", "corda")):
        raise BadSetting(
            f"{path} began as a part of the base's weights ({config.init_lora_weights}) and would change them; "
            "save it as what it adds to them (PEFT: path_initial_model_for_weight_conversion)"
        )
    config.inference_mode = True
    return config


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path.glob("adapter_*")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
