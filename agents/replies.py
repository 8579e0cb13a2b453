"""Reading structured replies of models, which wrap their JSON in prose and code fences."""

from __future__ import annotations

import json
from typing import Any

from knowhow.agents.utf8 import whole

_DECODER = json.JSONDecoder(strict=False)


def read_json(text: str) -> dict[str, Any] | None:
    """The first JSON object in ``text``, or None where there is none."""
    at = text.find("{")
    while at >= 0:
        try:
            value, _ = _DECODER.raw_decode(text, at)
        except RecursionError:  # thousands of brackets
            return None
        except ValueError:  # also a number of thousands of digits
            at = text.find("{", at + 1)
            continue
        return whole(value) if isinstance(value, dict) else None
    return None
