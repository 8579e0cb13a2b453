"""Python values as JSON and back, for two processes of which one trusts nothing of the other.

Only plain data passes: None, truth values, numbers, text, bytes, and lists, tuples, sets and dicts of them. What comes
out on the other side is made anew there, of the built-in types alone, so that nothing a value could do comes along.
The sandboxed sides of ``environments/coding/judge.py`` take this text with them; it imports nothing of its own package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SAFE = 1 << 53
"""Whole numbers below it are JSON as they are."""


def wire(value: Any) -> Any:
    """Raises: TypeError for what is no plain data. A subclass of a plain type passes as that type."""
    if value is None or isinstance(value, bool | str):
        return str.__str__(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return int(value) if abs(value) < SAFE else {"int": hex(value)}
    if isinstance(value, float):
        return {"float": float.hex(value)}
    if isinstance(value, complex):
        return {"complex": [float.hex(value.real), float.hex(value.imag)]}
    if isinstance(value, bytes):
        return {"bytes": bytes.hex(value)}
    if isinstance(value, list):
        return [wire(one) for one in value]
    for kind in (tuple, set, frozenset):
        if isinstance(value, kind):
            return {kind.__name__: [wire(one) for one in value]}
    if isinstance(value, dict):
        return {"dict": [[wire(key), wire(one)] for key, one in value.items()]}
    raise TypeError(f"a {type(value).__name__} is no plain data")


def unwire(sent: Any) -> Any:
    """Raises: whatever a message that ``wire`` did not make leads to."""
    if isinstance(sent, list):
        return [unwire(one) for one in sent]
    if not isinstance(sent, dict):
        return sent
    ((kind, held),) = sent.items()
    return _MAKERS[kind](held)


_MAKERS: dict[str, Callable[[Any], Any]] = {
    "int": lambda held: int(held, 16),
    "float": float.fromhex,
    "complex": lambda held: complex(*map(float.fromhex, held)),
    "bytes": bytes.fromhex,
    "tuple": lambda held: tuple(map(unwire, held)),
    "set": lambda held: set(map(unwire, held)),
    "frozenset": lambda held: frozenset(map(unwire, held)),
    "dict": lambda held: {unwire(key): unwire(one) for key, one in held},
}
