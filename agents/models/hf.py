"""hf:PATH or hf:PATH@ADAPTER - a transformers model in a folder, run in this process, with an adapter's folder or none.

A relative ADAPTER is looked for as it is given and beside PATH.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from knowhow.agents.local.weights import adapter_kind
from knowhow.environments.errors import BadSetting

MAX_TOKENS = 512
"""Of a reply, where nothing else is said: a model that never ends would else fill its context window every time."""

_OPTIONS: Mapping[str, tuple[Callable[[str], Any], Callable[[Any], bool]]] = {
    "temperature": (float, lambda value: value >= 0),
    "top_p": (float, lambda value: 0 < value <= 1),
    "max_tokens": (int, lambda value: value > 0),
    "seed": (int, lambda value: True),
}


def hf(name: str, options: Mapping[str, str]) -> BaseChatModel:
    """The options ``temperature``, ``top_p``, ``max_tokens`` and ``seed`` are used where a call brings none.

    Raises: MissingExtra without torch, transformers and peft; BadSetting for a folder that holds no model or adapter,
    and for an option that does not fit.
    """
    from knowhow.agents.local.chat import chat_at
    from knowhow.agents.local.chat_model import LocalChat

    base, _, adapter = name.partition("@")
    if not base:
        raise BadSetting(f"the model URI hf:{name} names no folder; write hf:PATH or hf:PATH@ADAPTER")
    settings = {"max_tokens": MAX_TOKENS, **{option: _value(option, text) for option, text in options.items()}}
    if not adapter:
        return LocalChat(chat=chat_at(Path(base)), label=name, **settings)
    folder = _beside(Path(adapter).expanduser(), Path(base).expanduser())
    chat = chat_at(Path(base), adapter_kind(folder))
    return LocalChat(chat=chat, adapter=chat.adapter_at(folder), label=name, **settings)


PLAIN_ADAPTERS = False
"""Adapters of every kind of PEFT's are loaded."""


def adapted(name: str, options: Mapping[str, str], adapter: Path, version: str) -> str:
    """The name with the adapter in a folder, for ``agents.model.with_adapter``; its path says which version it is."""
    return f"{name}@{adapter.resolve()}"


def dropped(name: str, options: Mapping[str, str]) -> None:
    """The adapter of this name leaves this process, if it is there."""
    from knowhow.agents.local.chat import open_chat

    base, _, adapter = name.partition("@")
    folder = _beside(Path(adapter).expanduser(), Path(base).expanduser())
    chat = open_chat(Path(base), adapter_kind(folder))
    if chat is not None:
        chat.drop(folder)


def _beside(adapter: Path, base: Path) -> Path:
    near = base.parent / adapter
    if not adapter.is_dir() and not near.is_dir():
        raise BadSetting(f"there is no adapter {adapter}, neither as given nor at {near}")
    return adapter if adapter.is_dir() else near


def _value(name: str, text: str) -> Any:
    if name not in _OPTIONS:
        raise BadSetting(f"there is no option {name!r} of local models; there are {', '.join(_OPTIONS)}, tools")
    kind, fits = _OPTIONS[name]
    try:
        value = kind(text)
    except ValueError:
        raise BadSetting(f"the model option {name}={text} is no {kind.__name__}") from None
    if not fits(value):
        raise BadSetting(f"the model option {name}={text} is out of its range")
    return value
