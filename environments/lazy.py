"""A sequence whose items are made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class Lazy(Sequence[T]):
    """``make(0)`` to ``make(length - 1)``, each made anew at every look; a slice is a tuple."""

    def __init__(self, length: int, make: Callable[[int], T]) -> None:
        self._indices = range(length)
        self._make = make

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...

    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return tuple(self._make(at) for at in self._indices[index])
        return self._make(self._indices[index])
