"""``local``: in this process, as many episodes at a time as the run's concurrency says."""

from __future__ import annotations

from knowhow.agents.types import Attempt
from knowhow.evals.engine import Cast
from knowhow.evals.settings import Settings


class Local:
    """Needs nothing."""

    def check(self, settings: Settings) -> None: ...

    def attempt(self, cast: Cast, uri: str) -> Attempt:
        return cast.attempt(uri)

    def close(self) -> None: ...
