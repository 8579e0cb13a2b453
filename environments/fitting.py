"""Whether settings fit what they are for, by its signature: known names, and values of the kinds that it declares."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from knowhow.environments.errors import BadSetting

_WORDS = {int: "a whole number", float: "a number", str: "a text in quotes", bool: "True or False", type(None): "None"}


def fit(made: Callable[..., Any], name: str, settings: Mapping[str, Any], given: int = 0) -> None:
    """``given``: how many arguments come before the settings. Only plain kinds are looked at: numbers, texts, truth
    values, words, and None, alone or one of several.

    Raises: BadSetting for a setting that there is not, and for a value of another kind than is declared.
    """
    known = _settings(made, given)
    if known is None:
        return
    for setting in settings:
        if setting not in known:
            there = f"there are {', '.join(known)}" if known else "it has none"
            raise BadSetting(f"there is no setting {setting!r} of {name}; {there}")
    hints = _hints(made)
    for setting, value in settings.items():
        kinds = _plain(hints.get(setting, Any))
        if kinds and not any(_is(value, kind) for kind in kinds):
            wanted = " or ".join(_WORDS.get(kind, repr(kind)) for kind in kinds)
            raise BadSetting(f"{setting}={value!r} of {name} must be {wanted}")


def _settings(made: Callable[..., Any], given: int) -> list[str] | None:
    """The names that may be set; None where any may."""
    try:
        every = list(inspect.signature(made).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(one.kind is one.VAR_KEYWORD for one in every):
        return None
    by_place = [one for one in every if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    taken = {one.name for one in by_place[:given]}
    named = (one for one in every if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY))
    return [one.name for one in named if one.name not in taken]


def _hints(made: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(getattr(made, "__init__") if isinstance(made, type) else made)  # noqa: B009
    except Exception:  # what is only imported for the type checker, say: then nothing is known of it
        return {}


def _plain(hint: Any) -> tuple[Any, ...]:
    """The kinds that a value may be of; none where one of them is not plain."""
    if get_origin(hint) in (Union, types.UnionType):
        parts = [_plain(one) for one in get_args(hint)]
        return tuple(kind for part in parts for kind in part) if all(parts) else ()
    if get_origin(hint) is Literal:
        return get_args(hint)
    return (hint,) if hint in _WORDS else ()


def _is(value: Any, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind) if kind in _WORDS else bool(value == kind)
