"""https://HOST/v1#NAME - as http, encrypted."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_core.language_models import BaseChatModel

from knowhow.agents.models.http import open_at


def https(name: str, options: Mapping[str, str]) -> BaseChatModel:
    """Raises: as ``http.open_at``."""
    return open_at(f"https:{name}", options)
