"""http://HOST:PORT/v1#NAME - any server of OpenAI's protocol; without #NAME, the only model that it offers.

A key is sent only where the URI says in which environment variable it is: ``?key=VARIABLE``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from langchain_core.language_models import BaseChatModel

from knowhow.agents.models._endpoint import key_from, only_model, price_at


def http(name: str, options: Mapping[str, str]) -> BaseChatModel:
    """Raises: as ``open_at``."""
    return open_at(f"http:{name}", options)


def open_at(address: str, options: Mapping[str, str]) -> BaseChatModel:
    """The model at ``URL#NAME``.

    Raises: BadSetting where the server offers several models, for a bad option and for a missing key; ModelError where
    a server that has to say what it offers does not answer.
    """
    from knowhow.agents.models._openai_chat import NO_KEY, open_chat

    url, named = _parts(address)
    key = _key(options) or NO_KEY
    settings = {name: value for name, value in options.items() if name != "key"}
    model = named or only_model(url, key)
    return open_chat(model, url, key, settings, price_at(model, url))


PLAIN_ADAPTERS = True
"""A server loads plain LoRA alone."""


def adapted(name: str, options: Mapping[str, str], adapter: Path, version: str) -> str:
    """As ``vllm.adapted``, for ``SCHEME://HOST/v1#NAME`` without its scheme. Raises: ModelError, BadSetting."""
    return adapted_at("http", name, options, adapter, version)


def dropped(name: str, options: Mapping[str, str]) -> None:
    """As ``vllm.dropped``. Raises: ModelError, BadSetting."""
    drop_at("http", name, options)


def adapted_at(scheme: str, name: str, options: Mapping[str, str], adapter: Path, version: str) -> str:
    from knowhow.agents.models._lora_server import loaded_adapter

    url, _ = _parts(f"{scheme}:{name}")
    loaded_adapter(url, version, adapter, key=_key(options) or "EMPTY")
    return f"{url.partition(':')[2]}#{version}"


def drop_at(scheme: str, name: str, options: Mapping[str, str]) -> None:
    from knowhow.agents.models._lora_server import unload_adapter

    url, version = _parts(f"{scheme}:{name}")
    unload_adapter(url, version, key=_key(options) or "EMPTY")


def _parts(address: str) -> tuple[str, str]:
    url, _, named = address.partition("#")
    return url.rstrip("/"), named


def _key(options: Mapping[str, str]) -> str:
    return key_from(options["key"]) if "key" in options else ""
