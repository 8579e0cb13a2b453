"""Dataclasses as JSON, and back: what the journal and the episode store write.

Decoding is strict about types and tolerant about time: a missing field takes its default, an unknown one is ignored,
so that files written by a later program with more fields can still be read.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Made = TypeVar("Made")
Reader = Callable[[Any], Any]


def encode(value: Any) -> Any:
    """Plain JSON data for a dataclass; what JSON has no word for (bytes, sets) becomes its ``repr``, keys strings."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return encode(value.value)
    if isinstance(value, str):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): encode(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [encode(part) for part in value]
    return repr(value)


def decode(kind: type[Made], data: Any) -> Made:
    """The dataclass that ``encode`` turned into ``data``. Raises: ValueError, naming the field that does not fit."""
    return cast(Made, reader(cast(Any, kind))(data))


@cache
def reader(kind: Any) -> Reader:
    """A function that checks and rebuilds values of a type hint. Raises (when called): ValueError."""
    if kind is Any:
        return _anything
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return _optional(reader(inner))
    if origin is Literal:
        return _member(arguments)
    if origin is tuple:
        return _tuple_of(reader(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_to(reader(arguments[1]))
    if is_dataclass(kind):
        return _dataclass(cast(type, kind))
    return _choice(kind) if issubclass(kind, Enum) else _plain(kind)


@cache
def field_readers(kind: type) -> Mapping[str, Reader]:
    """The reader of every field of a dataclass, by name. Raises (when called): ValueError, naming the field."""
    hints = get_type_hints(kind)
    return {field.name: _named(field.name, reader(hints[field.name])) for field in fields(kind)}


def _dataclass(kind: type) -> Reader:
    # Lazily, because a class may hold values of its own type.
    def read(data: Any) -> Any:
        readers = field_readers(kind)
        if not isinstance(data, Mapping):
            raise ValueError(f"{_short(data)} is no {kind.__name__}")
        missing = _required(kind) - data.keys()
        if missing:
            raise ValueError(f"a {kind.__name__} lacks {', '.join(sorted(missing))}")
        return kind(**{name: readers[name](part) for name, part in data.items() if name in readers})

    return read


def _named(name: str, read: Reader) -> Reader:
    def read_field(data: Any) -> Any:
        try:
            return read(data)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    return read_field


@cache
def _required(kind: type) -> frozenset[str]:
    return frozenset(f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING)


def _anything(data: Any) -> Any:
    return data


def _optional(read: Reader) -> Reader:
    return lambda data: None if data is None else read(data)


def _member(values: tuple[Any, ...]) -> Reader:
    def read(data: Any) -> Any:
        if data not in values:
            raise ValueError(f"{_short(data)} is none of {', '.join(map(str, values))}")
        return data

    return read


def _choice(kind: Any) -> Reader:
    return lambda data: kind(data)


def _tuple_of(read: Reader) -> Reader:
    def read_all(data: Any) -> tuple[Any, ...]:
        if not isinstance(data, Sequence) or isinstance(data, str):
            raise ValueError(f"{_short(data)} is no list")
        return tuple([read(part) for part in data])

    return read_all


def _mapping_to(read: Reader) -> Reader:
    def read_all(data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            raise ValueError(f"{_short(data)} is no mapping")
        return {key: read(part) for key, part in data.items()}

    return read_all


_ACCEPTED: dict[type, tuple[type, ...]] = {float: (float, int)}


def _plain(kind: type) -> Reader:
    accepted = _ACCEPTED.get(kind, (kind,))

    def read(data: Any) -> Any:
        if not isinstance(data, accepted) or (isinstance(data, bool) and kind is not bool):
            raise ValueError(f"{_short(data)} is no {kind.__name__}")
        return data

    return read


def _short(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 60 else f"{text[:57]}..."
