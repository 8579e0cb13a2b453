"""novice - the embedded default model: offline, deterministic, reads prompts and knows nothing of any world."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_core.language_models import BaseChatModel

from knowhow.agents.novice.chat import NoviceChat
from knowhow.environments.errors import BadSetting


def novice(name: str, options: Mapping[str, str]) -> BaseChatModel:
    """The option ``seed`` is used where a call brings none. Raises: BadSetting for a name or another option."""
    unknown = sorted({*options} - {"seed"})
    if name or unknown:
        raise BadSetting(f"novice takes no {name or unknown[0]!r}; write it as novice or novice?seed=7")
    return NoviceChat(seed=int(options.get("seed", 0)))
