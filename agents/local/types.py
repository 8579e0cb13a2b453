"""What the engine is asked for and what it answers, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from knowhow.environments.errors import KnowhowError, ModelError

LORA = "LORA"
"""PEFT's name of the kind of adapter that most are of."""


class PromptTooLong(ModelError):
    """A prompt that leaves no room for a reply in the model's context window."""


class UnknownAdapter(KnowhowError, LookupError):
    """No adapter of this name is loaded."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is drawn.

    ``temperature`` 0 takes the likeliest token; ``top_p`` in (0, 1] draws from the likeliest tokens that together have
    this probability. ``max_tokens`` is the most tokens of the reply, None for what the context window leaves. ``seed``
    makes a reply repeatable. The reply ends before the first of the ``stop`` texts. ``alternatives``: how many of the
    likeliest tokens are told beside each one drawn.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int | None = None
    seed: int = 0
    stop: tuple[str, ...] = ()
    alternatives: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """A token drawn, the natural logarithm of its probability, and the likeliest tokens with theirs."""

    id: int
    logprob: float
    alternatives: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Generated:
    """A reply of the engine.

    ``tokens`` includes the token that ended it; ``text`` is without it and without other special tokens.
    Log-probabilities are those under the model itself, at temperature 1 and with all tokens allowed, which is what
    trainers compare with, not those of the distribution that ``temperature`` and ``top_p`` made of it. ``finish`` is
    ``stop`` (an end token or a stop text) or ``length``. ``cached``: how many tokens of the prompt were not computed.
    """

    prompt: tuple[int, ...]
    tokens: tuple[Token, ...]
    text: str
    finish: str
    cached: int = 0

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(token.id for token in self.tokens)

    @property
    def logprobs(self) -> tuple[float, ...]:
        return tuple(token.logprob for token in self.tokens)
