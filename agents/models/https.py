"""https://HOST/v1#NAME - as http, encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from langchain_core.language_models import BaseChatModel

from knowhow.agents.models.http import PLAIN_ADAPTERS as PLAIN_ADAPTERS
from knowhow.agents.models.http import adapted_at, drop_at, open_at


def https(name: str, options: Mapping[str, str]) -> BaseChatModel:
    """Raises: as ``http.open_at``."""
    return open_at(f"https:{name}", options)


def adapted(name: str, options: Mapping[str, str], adapter: Path, version: str) -> str:
    """As ``vllm.adapted``. Raises: ModelError, BadSetting."""
    return adapted_at("https", name, options, adapter, version)


def dropped(name: str, options: Mapping[str, str]) -> None:
    """As ``vllm.dropped``. Raises: ModelError, BadSetting."""
    drop_at("https", name, options)
