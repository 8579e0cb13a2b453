"""Whether settings fit what they are for, by its signature: known names, and values of the kinds that it declares."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from knowhow.environments.errors import BadSetting

_WORDS = {int: "a whole number", float: "a number", str: "a text in quotes", bool: "True or False", type(None): "None"}


def fit(made: Callable[..., Any], name: str, settings: Mapping[str, Any], given: int = 0) -> None:
    """``given``: how many arguments come before the settings. Only plain kinds are looked at: numbers, texts, truth
    values, words, and None, alone or one of several.

    Raises: BadSetting for a setting that there is not, and for a value of another kind than is declared.
    """
    known = _parameters(made, given)
    if known is None:
        return
    for setting, value in settings.items():
        if setting not in known:
            there = f"there are {', '.join(known)}" if known else "it has none"
            raise BadSetting(f"there is no setting {setting!r} of {name}; {there}")
        kinds = _plain(known[setting])
        if kinds and not any(_is(value, kind) for kind in kinds):
            wanted = " or ".join(_WORDS.get(kind, repr(kind)) for kind in kinds)
            raise BadSetting(f"{setting}={value!r} of {name} must be {wanted}")


def _parameters(made: Callable[..., Any], given: int) -> dict[str, Any] | None:
    """What may be set, with its declaration; None where anything may."""
    try:
        every = list(_signature(made).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(one.kind is one.VAR_KEYWORD for one in every):
        return None
    by_place = [one for one in every if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    named = [one for one in every if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    return {one.name: one.annotation for one in named if one not in by_place[:given]}


def _signature(made: Callable[..., Any]) -> inspect.Signature:
    """With its declarations as they were written, which tell nothing, where one of them cannot be read."""
    try:
        return inspect.signature(made, eval_str=True)
    except Exception:  # a name that is only imported for the type checker, say
        return inspect.signature(made)


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
