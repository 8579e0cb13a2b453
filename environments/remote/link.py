"""Asking a server, with everything that can go wrong on the way told in one line."""

from __future__ import annotations

import asyncio
import functools
import os
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx

from knowhow.environments.errors import BadSetting, EngineFailed, KnowhowError
from knowhow.environments.remote.place import TOKEN, is_loopback

T = TypeVar("T")

PATIENCE_S = 0.25
"""Between two tries at a server that is full."""


class Link:
    """Requests to the server at ``url``, each of at most ``seconds``; where it is full, so long is waited for a place.

    The token of the environment variable KNOWHOW_TOKEN goes with each.

    Raises: BadSetting for what is no URL; every request: EngineFailed where the server is gone, too slow, refuses, or
    answers with what cannot be read.
    """

    def __init__(self, url: str, seconds: float) -> None:
        self.url = url.rstrip("/")
        self.seconds = seconds
        try:
            place = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise BadSetting(f"url={url!r} is no URL ({error}); write it as in 'http://127.0.0.1:8000'") from None
        if place.scheme not in ("http", "https") or not place.host:
            raise BadSetting(f"url={url!r} is no URL of a server; write it as in 'http://127.0.0.1:8000'")
        token = os.environ.get(TOKEN)
        self._settings: dict[str, Any] = {
            "base_url": self.url,
            "headers": {"Authorization": f"Bearer {token}"} if token else {},
            "timeout": httpx.Timeout(seconds, connect=min(seconds, 10)),
            "trust_env": not is_loopback(place.host),  # no proxy stands between here and here
        }
        self._secure = place.scheme == "https"

    def client(self) -> httpx.AsyncClient:
        """Connections of its own, for the event loop that it is used in."""
        return httpx.AsyncClient(**self._settings, verify=_certificates() if self._secure else False)

    def ask_at_once(self, method: str, path: str, read: Callable[[Mapping[str, Any]], T], **asked: Any) -> T:
        """For who cannot await it."""
        with httpx.Client(**self._settings, verify=_certificates() if self._secure else False) as client:
            try:
                response = client.request(method, path, **_carried(method, asked))
            except httpx.HTTPError as error:
                raise self._lost(error) from None
        return self._read(response, path, read)

    async def ask(
        self, client: httpx.AsyncClient, method: str, path: str, read: Callable[[Mapping[str, Any]], T], **asked: Any
    ) -> T:
        """What ``read`` makes of the reply; a ValueError of its says what is wrong with it."""
        until = time.monotonic() + self.seconds
        while True:
            try:
                response = await client.request(method, path, **_carried(method, asked))
            except httpx.HTTPError as error:
                raise self._lost(error) from None
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > until:
                return self._read(response, path, read)
            await asyncio.sleep(PATIENCE_S)

    def _lost(self, error: httpx.HTTPError) -> KnowhowError:
        if isinstance(error, httpx.TimeoutException):
            return EngineFailed(f"the server at {self.url} did not answer within {self.seconds:g} s (see seconds=...)")
        why = str(error) or type(error).__name__
        return EngineFailed(f"the server at {self.url} is not there, or no longer ({why}); start it again")

    def _read(self, response: httpx.Response, path: str, read: Callable[[Mapping[str, Any]], T]) -> T:
        told: Any = None
        try:
            told = response.json()
            if response.is_success and isinstance(told, dict):
                return read(told)
            problem = f"status {response.status_code}"
        except ValueError as error:
            problem = str(error)
        if isinstance(told, dict) and "error" in told and not response.is_success:
            hint = f"; set {TOKEN} to its token" if response.status_code == httpx.codes.UNAUTHORIZED else ""
            raise EngineFailed(f"the server at {self.url} said to {path}: {told['error']}{hint}")
        raise EngineFailed(f"the server at {self.url} answered {path} with what cannot be read ({problem:.200})")


def _carried(method: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"params": asked} if method == "GET" else {"json": asked}


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Reading them takes longer than most requests."""
    return httpx.create_ssl_context()
