"""What a failed request means: was it sent, does it pass by itself, what does the server lack, what is the way out.

Failures are told by LangChain's own classes (``langchain_core.exceptions``) and by what errors of HTTP clients have in
common, so that every provider is served and no client is loaded for it.
"""

from __future__ import annotations

import email.utils
import errno
import re
import socket
import ssl
import time
from collections.abc import Iterator

from langchain_core import exceptions as langchain

_PASSING = {408, 409, 429}
_NO_ROUTE = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
_NO_ROUTE_ERRNO = {errno.ENETUNREACH, errno.EHOSTUNREACH}
_WAY_OUT = {
    401: "check the API key",
    403: "check what the API key may use",
    404: "check the model's name and the URL",
    429: "wait, or run fewer episodes at once",
}

_REFUSALS = {400, 404, 422, 501}
_UNSUPPORTED = re.compile(
    r"support|require|unrecogni[sz]ed|unknown (?:field|param|arg)|not (?:permitted|allowed)|extra input"
)
_OPTIONAL = {
    "tools": re.compile(r"\btools?\b|tool[ _-](?:choice|use|call)|function[ _-]call"),
    "temperature": re.compile(r"\btemperature\b"),
    "seed": re.compile(r"\bseed\b"),
}
"""The parts of a request that a server may not know, and how its refusal names them."""


def unreachable(error: BaseException) -> bool:
    """Was no connection made at all, so that no request was sent?"""
    return _no_route(error) is not None


def passes(error: BaseException) -> bool:
    """May the same request succeed when it is sent again?"""
    if isinstance(_no_route(error), ssl.SSLError) or getattr(error, "code", None) == "insufficient_quota":
        return False
    if isinstance(error, TimeoutError) or _status(error) in _PASSING:
        return True
    return isinstance(error, langchain.ModelError) and error.is_retryable


def is_servers(error: BaseException) -> bool:
    """Did the model's server fail or refuse? Anything else is a mistake in a program."""
    return isinstance(error, langchain.ModelError | TimeoutError) or _status(error) is not None


def unsupported(error: BaseException | None) -> frozenset[str]:
    """The optional parts of a request ("tools", "temperature", "seed") that the server says it does not support."""
    if error is None or _status(error) not in _REFUSALS:
        return frozenset()
    said = _message(error).lower()
    if not _UNSUPPORTED.search(f"{said} {getattr(error, 'code', '')}"):
        return frozenset()
    named = getattr(error, "param", None)
    return frozenset(part for part, pattern in _OPTIONAL.items() if part == named or pattern.search(said))


def retry_after(error: BaseException) -> float | None:
    """The pause (seconds) that the server asked for, as seconds or as a date (RFC 9110, section 10.2.3)."""
    asked = getattr(getattr(error, "response", None), "headers", {}).get("retry-after")
    if not asked:
        return None
    try:
        return max(0.0, float(asked))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return None


def explain(error: BaseException) -> str:
    """The cause and the way out, in one line."""
    no_route = _no_route(error)
    if no_route is not None:
        return f"nobody answers there ({_message(no_route)}); start the server or correct the URL"
    if isinstance(error, TimeoutError):
        return f"{_message(error)}; give it longer or check the server"
    if isinstance(error, langchain.ModelConnectionError):
        return f"{_message(list(_causes(error))[-1])}; check the server"
    status = _status(error)
    if status is None:
        return f"{_message(error)}; check the server"
    asked = retry_after(error)
    wait = "" if asked is None else f" (it asks to wait {asked:.0f} s)"
    otherwise = "check the model's options" if status < 500 else "check the server"
    return f"HTTP {status}, {_message(error)}{wait}; {_WAY_OUT.get(status, otherwise)}"


def _status(error: BaseException) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def _message(error: BaseException) -> str:
    """What the server said, in one line."""
    body = getattr(error, "body", None)
    said = body.get("message") if isinstance(body, dict) else None
    return " ".join(str(said or error).split()).rstrip(".")[:300]


def _no_route(error: BaseException) -> BaseException | None:
    """What kept a connection from being made, where that is why."""
    for cause in _causes(error):
        if isinstance(cause, _NO_ROUTE) or (isinstance(cause, OSError) and cause.errno in _NO_ROUTE_ERRNO):
            return cause
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        error = error.__cause__ or error.__context__
