"""Adapters on a server that speaks as vLLM does: loaded and unloaded at run time.

The requests are vLLM's (https://github.com/vllm-project/vllm, Apache-2.0): ``LoadLoRAAdapterRequest`` and
``UnloadLoRAAdapterRequest``. vLLM keeps what it computed of prompts by an adapter's NAME: the caller has to give every
version a name of its own, and never loads two under one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knowhow.agents.models._endpoint import offered
from knowhow.environments.errors import ModelError

_TIMEOUT_S = 120.0


def load_adapter(url: str, name: str, path: Path, *, key: str = "EMPTY") -> None:
    """Load the adapter in a folder, which the server sees under the same path. ``url`` ends in ``/v1``.

    Raises: ModelError where nobody answers, or the server refuses.
    """
    body = {"lora_name": name, "lora_path": str(path.resolve()), "load_inplace": False}
    _post(url, "load_lora_adapter", name, body, key)


def loaded_adapter(url: str, name: str, path: Path, *, key: str = "EMPTY") -> None:
    """As ``load_adapter``, and nothing where the server has an adapter of this name, as after an interruption."""
    if name not in offered(url, key):
        load_adapter(url, name, path, key=key)


def unload_adapter(url: str, name: str, *, key: str = "EMPTY") -> None:
    """Raises: as ``load_adapter``."""
    _post(url, "unload_lora_adapter", name, {"lora_name": name}, key)


def _post(url: str, what: str, name: str, body: Mapping[str, Any], key: str) -> None:
    import httpx

    where = f"{url.rstrip('/')}/{what}"
    try:
        answer = httpx.post(where, json=body, headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ModelError(f"nobody answers at {where} ({error}); start the server or correct the URL") from error
    if answer.is_success:
        return
    raise ModelError(f"{where} refused the adapter {name!r}: {_reason(answer)}")


def _reason(answer: Any) -> str:
    try:
        told = answer.json()
    except ValueError:
        told = {}
    error = told.get("error", told) if isinstance(told, dict) else {}
    message = error.get("message") if isinstance(error, dict) else error
    if message:
        return " ".join(str(message).split())
    if answer.status_code in (404, 405):  # the route is not there
        return (
            f"HTTP {answer.status_code}; start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, "
            "and end the URL in /v1"
        )
    return f"HTTP {answer.status_code}, {' '.join(answer.text.split())[:200]}"
