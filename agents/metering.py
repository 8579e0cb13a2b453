"""One run, one budget: every request to a model is counted before it is sent, whoever sends it and however it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields

from knowhow.agents.prices import Price, free
from knowhow.environments.errors import BadSetting, BudgetExceeded
from knowhow.environments.types import Usage

CHARACTERS_PER_TOKEN = 4
"""How tokens are estimated where nobody counts them: English prose has about four characters a token."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may spend: requests to models, tokens (prompt and completion), US dollars; None is no limit.

    Raises: BadSetting for a negative limit.
    """

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            limit = getattr(self, field.name)
            if limit is not None and not limit >= 0:
                raise BadSetting(f"a budget of {limit} {field.name} cannot be kept; give 0 or more, or none at all")


class Scope:
    """The usage of the requests that were made inside a ``Meter.scope``."""

    __slots__ = ("_meter", "usage")

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.usage = Usage()


_SCOPES: ContextVar[tuple[Scope, ...]] = ContextVar("knowhow_metering_scopes", default=())


class Meter:
    """Counts and limits what model calls cost; safe to share among tasks and threads.

    ``spent`` is what a resumed run had spent before. ``record`` is told every new total, that of a request before it is
    sent. What is counted here counts ``within`` another meter too, so that several runs can share a budget.
    ``cache_hits`` counts replies that came from a cache, at no cost;
    ``longest_reply`` is the most completion tokens that one reply had.
    """

    def __init__(
        self,
        budget: Budget = Budget(),
        spent: Usage = Usage(),  # noqa: B008 - it is immutable
        record: Callable[[Usage], None] = lambda total: None,
        within: Meter | None = None,
    ) -> None:
        self.budget = budget
        self._within = within
        self._record = record
        self.cache_hits = 0
        self.longest_reply = 0
        self._total = spent
        self._in_flight = Usage()
        self._lock = threading.Lock()

    @property
    def total(self) -> Usage:
        """What was spent so far; requests in flight are among its ``calls``, their tokens follow with the answer."""
        return self._total

    def reserve(self, expected: Usage = Usage()) -> Request:  # noqa: B008
        """Count one request that is about to be sent; ``expected`` is a guess at its tokens and cost.

        Calls are limited exactly. Tokens and dollars are known only afterwards, so that what is in flight counts by its
        guess: however many requests run at once, the limit is passed at most by how far their guesses were off.

        Raises: BudgetExceeded where the request does not fit into the budget; it is not counted then.
        """
        scopes = tuple(scope for scope in _SCOPES.get() if scope._meter is self)
        outer = self._within.reserve(expected) if self._within is not None else None
        try:
            with self._lock:
                self._check(expected)
                self._in_flight += expected
                self._add(Usage(calls=1), scopes)
        except BudgetExceeded:
            if outer is not None:
                with outer:
                    outer.never_sent()
            raise
        return Request(self, expected, scopes, outer)

    @contextmanager
    def scope(self) -> Iterator[Scope]:
        """Collect the usage of the requests made inside, in this task and in those it starts; scopes nest."""
        scope = Scope(self)
        token = _SCOPES.set((*_SCOPES.get(), scope))
        try:
            yield scope
        finally:
            _SCOPES.reset(token)

    def add(self, usage: Usage) -> None:
        """Count what another process spent of this budget."""
        with self._lock:
            self._add(usage, ())
        if self._within is not None:
            self._within.add(usage)

    def cache_hit(self) -> None:
        with self._lock:
            self.cache_hits += 1

    def _check(self, expected: Usage) -> None:
        limit, spent, flying = self.budget, self._total, self._in_flight
        if limit.calls is not None and spent.calls + 1 > limit.calls:
            raise BudgetExceeded(f"the budget of {limit.calls:,} model calls is used up; give a larger one to go on")
        if limit.tokens is not None and spent.tokens + flying.tokens + expected.tokens > limit.tokens:
            raise BudgetExceeded(
                f"the budget of {limit.tokens:,} tokens is used up: {spent.tokens:,} spent, {flying.tokens:,} in "
                f"flight, about {expected.tokens:,} wanted; give a larger one to go on"
            )
        if limit.usd is not None and spent.cost_usd + flying.cost_usd + expected.cost_usd > limit.usd:
            raise BudgetExceeded(
                f"the budget of ${limit.usd:.4g} is used up: ${spent.cost_usd:.4f} spent, ${flying.cost_usd:.4f} in "
                f"flight, about ${expected.cost_usd:.4f} wanted; give a larger one to go on"
            )

    def _add(self, usage: Usage, scopes: tuple[Scope, ...]) -> None:
        self._total += usage
        self._record(self._total)
        for scope in scopes:
            scope.usage += usage

    def _close(self, request: Request, usage: Usage) -> None:
        with self._lock:
            self._in_flight += _negative(request.expected)
            self.longest_reply = max(self.longest_reply, usage.completion_tokens)
            self._add(usage, request.scopes)


class Request:
    """One counted request, open inside ``with``: answered, never sent after all, or else failed with unknown usage."""

    __slots__ = ("_meter", "_outer", "_usage", "expected", "scopes")

    def __init__(self, meter: Meter, expected: Usage, scopes: tuple[Scope, ...], outer: Request | None = None) -> None:
        self._meter, self.expected, self.scopes, self._outer = meter, expected, scopes, outer
        self._usage = Usage()

    def answered(self, usage: Usage) -> None:
        """``usage``: the request's tokens and cost; its call is counted already, so that ``usage.calls`` is 0."""
        self._usage = usage

    def never_sent(self) -> None:
        """Nobody took the connection: no call after all."""
        self._usage = Usage(calls=-1)

    def __enter__(self) -> Request:
        return self

    def __exit__(self, *error: object) -> None:
        self._meter._close(self, self._usage)
        if self._outer is not None:
            self._outer._usage = self._usage
            self._outer.__exit__(*error)


def _negative(usage: Usage) -> Usage:
    return Usage(0, -usage.prompt_tokens, -usage.cached_tokens, -usage.completion_tokens, -usage.cost_usd)


def estimate(
    episodes: int,
    max_steps: int,
    prompt_tokens_first: int,
    *,
    prompt_tokens_step: int = 150,
    completion_tokens_step: int = 60,
    calls_per_step: float = 1.0,
    price: Price = free,
) -> Usage:
    """What a run may take, said before it: a bound of calls (short of retries), roughly the tokens and US dollars.

    Every episode is taken to use all of its ``max_steps``. Its first prompt has ``prompt_tokens_first`` tokens and each
    step adds ``prompt_tokens_step``. ``calls_per_step`` is what a method asks for one decision. Prefix caches are left
    out.
    """
    decisions = round(episodes * max_steps * calls_per_step)
    mean_prompt = prompt_tokens_first + prompt_tokens_step * max(0, max_steps - 1) / 2
    prompt, completion = round(decisions * mean_prompt), decisions * completion_tokens_step
    return Usage(decisions, prompt, 0, completion, price(prompt, 0, completion))
