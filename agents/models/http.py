"""http://HOST:PORT/v1#NAME - any server of OpenAI's protocol; without #NAME, the only model that it offers.

A key is sent only where the URI says in which environment variable it is: ``?key=VARIABLE``.
"""

from __future__ import annotations

from collections.abc import Mapping

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

    url, _, named = address.partition("#")
    url = url.rstrip("/")
    settings = dict(options)
    variable = settings.pop("key", None)
    key = NO_KEY if variable is None else key_from(variable)
    model = named or only_model(url, key)
    return open_chat(model, url, key, settings, price_at(model, url))
