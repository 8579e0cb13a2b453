"""openai:NAME or openai:NAME@URL - OpenAI or a server that takes its key; OPENAI_API_KEY, OPENAI_BASE_URL."""

from __future__ import annotations

import os
from collections.abc import Mapping

from langchain_core.language_models import BaseChatModel

from knowhow.agents.models._endpoint import key_from, price_at, split_endpoint


def openai(name: str, options: Mapping[str, str]) -> BaseChatModel:
    """Raises: BadSetting where OPENAI_API_KEY is not set or an option does not fit."""
    key = key_from("OPENAI_API_KEY")
    from knowhow.agents.models._openai_chat import OPENAI_URL, open_chat

    model, url = split_endpoint(name, os.environ.get("OPENAI_BASE_URL") or OPENAI_URL)
    return open_chat(model, url, key, options, price_at(model, url))
