"""vllm:NAME or vllm:NAME@URL - an own server such as vLLM: no key, no charge; by default http://localhost:8000/v1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from langchain_core.language_models import BaseChatModel

from knowhow.agents.models._endpoint import split_endpoint
from knowhow.agents.prices import free

DEFAULT_URL = "http://localhost:8000/v1"


def vllm(name: str, options: Mapping[str, str]) -> BaseChatModel:
    """Raises: BadSetting where an option does not fit."""
    from knowhow.agents.models._openai_chat import NO_KEY, open_chat

    model, url = split_endpoint(name, DEFAULT_URL)
    return open_chat(model, url, NO_KEY, options, free)


PLAIN_ADAPTERS = True
"""The server loads plain LoRA alone."""


def adapted(name: str, options: Mapping[str, str], adapter: Path, version: str) -> str:
    """The name of the adapter on the server, which has it from then on. Raises: ModelError."""
    from knowhow.agents.models._lora_server import loaded_adapter

    _, url = split_endpoint(name, DEFAULT_URL)
    loaded_adapter(url, version, adapter)
    return f"{version}@{url}"


def dropped(name: str, options: Mapping[str, str]) -> None:
    """The adapter of this name is unloaded. Raises: ModelError."""
    from knowhow.agents.models._lora_server import unload_adapter

    version, url = split_endpoint(name, DEFAULT_URL)
    unload_adapter(url, version)
