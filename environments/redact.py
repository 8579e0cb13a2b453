"""Keys stay out of what is kept or told: those in the environment's variables, and what looks like one."""

from __future__ import annotations

import json
import os
import re

HIDDEN = "[redacted]"

_NAMES = re.compile(r"(^|_)(KEY|APIKEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTHORIZATION|HEADERS)$")
_SHORTEST = 8
"""What is shorter is found in too many texts to be told apart from them, as is a plain word."""

_LOOKS = (
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[\w.~+/=-]{8,}"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(://)[^/\s@'\"]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(?:sk|hf|ghp|gho|ghs|ghu|lsv2|xox[a-z])[-_][\w-]{12,}|\bAKIA[A-Z0-9]{16}\b"), HIDDEN),
    # The name of a variable, in capitals, is where a key is, not what it is.
    (
        re.compile(
            r"(?i)(\b|_)(key|token|secret|password|passwd|authorization)(['\"]?\s*[=:]\s*['\"]?)"
            r"(?!(?-i:[A-Z][A-Z0-9_]*)\b)(?!\[redacted\])[^\s'\"&,;)}\]]{8,}"
        ),
        rf"\1\2\3{HIDDEN}",
    ),
)


def without_keys(text: str) -> str:
    """Text without the keys of this process's environment, as they are and as JSON writes them.

    For all that is kept: it takes a look at the environment and a search, and leaves everything else alone.
    """
    for key in _keys():
        if key in text:
            text = text.replace(key, HIDDEN)
    return text


def redacted(text: str) -> str:
    """Text for people (errors, logs, traces) without those keys and without what looks like one: bearer tokens,
    passwords in URLs, ``api_key=...``."""
    text = without_keys(text)
    for looks, instead in _LOOKS:
        text = looks.sub(instead, text)
    return text


def _keys() -> list[str]:
    """Longest first, so that no rest of one stays."""
    values = {
        value.strip() for name, value in os.environ.items() if _NAMES.search(name.upper()) and _secret(value.strip())
    }
    return sorted({form for value in values for form in (value, json.dumps(value)[1:-1])}, key=len, reverse=True)


def _secret(value: str) -> bool:
    return len(value) >= _SHORTEST and not value.isalpha() and not value.isdecimal()
