"""vllm:NAME or vllm:NAME@URL - an own server such as vLLM: no key, no charge; by default http://localhost:8000/v1."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_core.language_models import BaseChatModel

from knowhow.agents.models._endpoint import split_endpoint
from knowhow.agents.prices import free

DEFAULT_URL = "http://localhost:8000/v1"


def vllm(name: str, options: Mapping[str, str]) -> BaseChatModel:
    """Raises: BadSetting where an option does not fit."""
    from knowhow.agents.models._openai_chat import NO_KEY, open_chat

    model, url = split_endpoint(name, DEFAULT_URL)
    return open_chat(model, url, NO_KEY, options, free)
