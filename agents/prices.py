"""What a request costs: a price is a function from (prompt, cached, completion) tokens to US dollars."""

from __future__ import annotations

from collections.abc import Callable

Price = Callable[[int, int, int], float]
"""(prompt tokens, those of them that came from the provider's prefix cache, completion tokens) -> US dollars."""


def free(prompt: int, cached: int, completion: int) -> float:
    """The price of a model that runs here or on an own server."""
    return 0.0


def linear(input_usd: float, output_usd: float, cached_usd: float | None = None) -> Price:
    """Prices in US dollars per million tokens; cached tokens cost as much as others where ``cached_usd`` is None."""
    cached_price = input_usd if cached_usd is None else cached_usd

    def price(prompt: int, cached: int, completion: int) -> float:
        return ((prompt - cached) * input_usd + cached * cached_price + completion * output_usd) / 1e6

    return price


def listed(model: str, url: str) -> Price | None:
    """The list price of the provider behind ``url``, from the data in the package genai-prices; None if unlisted."""
    from genai_prices import Usage, calc_price

    def price(prompt: int, cached: int, completion: int) -> float:
        usage = Usage(input_tokens=prompt, cache_read_tokens=cached, output_tokens=completion)
        return float(calc_price(usage, model, provider_api_url=url).total_price)

    try:
        price(1000, 100, 100)
    except LookupError:
        return None
    return price
