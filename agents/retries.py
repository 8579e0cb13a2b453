"""Sending a request again after a failure that passes: how often, after which pauses, and what is said in the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from knowhow.agents.failures import explain, is_servers, passes, retry_after, unreachable
from knowhow.environments.errors import ModelError
from knowhow.environments.redact import redacted

T = TypeVar("T")

_REFUSED_TRIES = 3
_REFUSED_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 60.0
_LONGEST_ASKED_S = 300.0
"""A server that asks for a longer pause than this is not waited for."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is sent again after a passing failure, and the first pause (seconds), doubled each time.

    The pause is drawn between 0 and that (full jitter), so that concurrent callers do not come back all at once. A
    server's own ``Retry-After`` goes before it. Where nobody takes the connection, three quick tries are all.
    """

    most: int = 6
    backoff_s: float = 1.0

    async def __call__(self, send: Callable[[], Awaitable[T]], where: str) -> T:
        """What ``send`` returns in the end; ``where`` is the model and its URL, for the error.

        Raises: ModelError, one line, when a failure lasts or is of a kind that lasts. What is no failure of a server
        goes through as it is.
        """
        tries = 0

        async def attempt() -> T:
            nonlocal tries
            tries += 1
            return await send()

        retrying = AsyncRetrying(retry=retry_if_exception(passes), stop=self._enough, wait=self._pause, reraise=True)
        try:
            return await retrying(attempt)
        except Exception as error:
            if not is_servers(error):
                raise
            again = f" ({tries} tries)" if tries > 1 else ""
            raise ModelError(redacted(f"{where}: {explain(error)}{again}")) from error

    def _enough(self, state: RetryCallState) -> bool:
        error = _error(state)
        tries = min(_REFUSED_TRIES, self.most + 1) if unreachable(error) else self.most + 1
        return state.attempt_number >= tries or (retry_after(error) or 0) > _LONGEST_ASKED_S

    def _pause(self, state: RetryCallState) -> float:
        error = _error(state)
        if unreachable(error):
            return min(self.backoff_s, _REFUSED_PAUSE_S * state.attempt_number)
        drawn = float(wait_random_exponential(multiplier=self.backoff_s, max=_LONGEST_PAUSE_S)(state))
        asked = retry_after(error)
        return drawn if asked is None else asked + min(drawn, self.backoff_s)


def _error(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome is not None else None
    assert error is not None, "tenacity asks only after a failure"
    return error
