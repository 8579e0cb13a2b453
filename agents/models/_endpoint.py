"""Where a model is served: its name and URL, read from what a URI says after the scheme."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from knowhow.agents.prices import Price, free, listed
from knowhow.environments.errors import BadSetting, ModelError

_LIST_TIMEOUT_S = 10.0
_PLACE = re.compile(r"@(?:[\w.-]+:\d+|[\w.-]*/v\d+/?|localhost|[\d.]+\.\d+)(?:/.*)?$")
"""What stands for a server at the end of a name, without its scheme: names of models have an @ too."""


def split_endpoint(name: str, default_url: str) -> tuple[str, str]:
    """``NAME`` or ``NAME@URL`` as name and URL. Raises: BadSetting without a name, and for a place that is no URL."""
    model, at, rest = name.partition("@http")
    if not model:
        raise BadSetting(f"the model URI ending in {name!r} names no model; write scheme:NAME or scheme:NAME@URL")
    if not at and _PLACE.search(model):
        raise BadSetting(f"{model.rpartition('@')[2]!r} is no URL; write it as in NAME@http://127.0.0.1:8000/v1")
    return model, (f"http{rest}" if at else default_url).rstrip("/")


def key_from(variable: str) -> str:
    """The API key in an environment variable. Raises: BadSetting that names the variable where it is not set."""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise BadSetting(f"{variable} is not set; export it, or write vllm:NAME@URL for a server that needs no key")
    return key


def price_at(model: str, url: str) -> Price | None:
    """Free on this machine and in this network, else the provider's list price; None where it is unknown."""
    return free if is_local(url) else listed(model, url)


def is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host


def only_model(url: str, key: str) -> str:
    """The one model that a server offers.

    Raises: BadSetting that lists them where there are several; ModelError where nobody answers.
    """
    models = offered(url, key)
    if len(models) != 1:
        told = f"offers {', '.join(models)}" if models else "offers no model"
        raise BadSetting(f"{url} {told}; name one: {url}#NAME")
    return models[0]


def offered(url: str, key: str) -> list[str]:
    """The models that a server offers. Raises: ModelError where nobody answers."""
    request = urllib.request.Request(f"{url}/models", headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=_LIST_TIMEOUT_S) as reply:
            return [str(model["id"]) for model in json.load(reply)["data"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        raise ModelError(
            f"{url}/models lists no models ({cause}); start the server, or name one: {url}#NAME"
        ) from error
