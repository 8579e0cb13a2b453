"""Nearest vectors by comparing with every one: exact, so that the same items give the same answers whatever their past.

Lessons resemble each other, and there approximation fails: on 3,000 sentences that differ in one number, chromadb 1.5.9
found a quarter of the true five nearest, and others after every rebuild. Many vectors are first compared by their
8-bit copies, a quarter of the bytes; how far such a copy can be off is known for each, and only what may be among the
nearest is then compared in full. No answer depends on the copies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowhow.memory.storage.vectors import Vector

Marks = dict[str, str]
"""What is known of an item beside its vector: fields to filter by, and a digest of its text."""

Where = Mapping[str, Sequence[str]]
"""For each field, the values of which an item must have one."""

Rows = NDArray[np.intp]

_FEW = 1_000
"""So many are compared in full at once; beyond, the 8-bit copies choose first."""
_SLACK = np.float32(1e-5)
"""More than rounding can move a similarity."""


class Exact:
    """Vectors and marks by name, all in memory. ``marks`` are those of all items."""

    def __init__(self) -> None:
        self.marks: dict[str, Marks] = {}
        self._row_of: dict[str, int] = {}
        self._names: list[str] = []
        self._free: list[int] = []
        self._vectors: Vector = np.empty((0, 0), np.float32)
        self._copies: NDArray[np.int8] = np.empty((0, 0), np.int8)
        self._scale: Vector = np.empty(0, np.float32)
        self._off: Vector = np.empty(0, np.float32)
        self._longest = np.float32(0)
        self._there: NDArray[np.bool_] = np.empty(0, np.bool_)
        self._columns: dict[str, NDArray[np.int32]] = {}
        self._values: dict[tuple[str, str], int] = {}

    def put(self, marks: Mapping[str, Marks], vectors: Vector) -> None:
        """Add items, or replace them, with their vectors."""
        new = [name for name in marks if name not in self._row_of]
        self._make_room(len(new), vectors.shape[1])
        for name in new:
            self._take_row(name)
        rows = np.fromiter((self._row_of[name] for name in marks), np.intp, len(marks))
        self._vectors[rows], self._there[rows] = vectors, True
        self._copies[rows], self._scale[rows], self._off[rows] = _copied(vectors)
        self._longest = max(self._longest, _lengths(vectors).max(initial=0))
        self.mark(marks)

    def mark(self, marks: Mapping[str, Marks]) -> None:
        """Change what is said of items that are there; their vectors stay."""
        self.marks.update(marks)
        for name, said in marks.items():
            for field, value in said.items():
                if field not in self._columns:
                    self._columns[field] = np.zeros(len(self._there), np.int32)
                number = self._values.setdefault((field, value), len(self._values) + 1)
                self._columns[field][self._row_of[name]] = number

    def delete(self, names: Sequence[str]) -> None:
        for name in names:
            row = self._row_of.pop(name)
            self._there[row] = False
            self._free.append(row)
            del self.marks[name]

    def nearest(self, vector: Vector, k: int, where: Where) -> list[tuple[str, float]]:
        """The ``k`` names that meet ``where`` with the highest cosine similarity in [-1, 1], to six digits, highest
        first; ties in order of name."""
        rows = self._meeting(where)
        if not len(rows) or k < 1:
            return []
        if len(rows) > max(_FEW, 2 * k):
            rows = self._promising(vector, k, rows)
        scores = self._similarity(rows, vector)
        if k < len(rows):
            best = scores >= np.partition(scores, -k)[-k]
            rows, scores = rows[best], scores[best]
        pairs = zip((-scores).tolist(), [self._names[row] for row in rows.tolist()], strict=True)
        return [(name, -score) for score, name in sorted(pairs)[:k]]

    def close(self) -> None:
        """Nothing is kept."""

    discard = close

    def _meeting(self, where: Where) -> Rows:
        met = self._there.copy()
        for field, values in where.items():
            column = self._columns.get(field)
            numbers = [self._values[field, value] for value in values if (field, value) in self._values]
            if column is None or not numbers:
                return np.empty(0, np.intp)
            met &= np.logical_or.reduce([column == number for number in numbers])
        return np.flatnonzero(met)

    def _similarity(self, rows: Rows, vector: Vector) -> NDArray[np.float64]:
        # On one thread, unlike a matrix product, which waits for cores that others keep busy; and a row's result is the
        # same in whatever company.
        if 2 * len(rows) > len(self._names):
            cosines = np.einsum("ij,j->i", self._vectors[: len(self._names)], vector)[rows]
        else:
            cosines = np.einsum("ij,j->i", self._vectors[rows], vector)
        similarities: NDArray[np.float64] = cosines.astype(np.float64).round(6).clip(-1, 1)
        return similarities

    def _promising(self, vector: Vector, k: int, rows: Rows) -> Rows:
        """Those of the rows that can be among the ``k`` nearest.

        With copies x' = x - e and q' = q - f, q.x differs from q'.x' by at most ||e|| ||q'|| + ||x|| ||f||.
        """
        import simsimd

        copies, scale, off = _copied(vector[None])
        used = len(self._names)
        among: Any = slice(used) if len(rows) == used else rows
        dots: Any = np.asarray(simsimd.cdist(copies, self._copies[:used], "dot"), np.float32).ravel()
        near = dots[among] * (self._scale[among] * scale[0])
        length = np.float32(np.linalg.norm(vector)) + off[0]
        doubt = self._off[among] * length + (off[0] * self._longest + _SLACK)
        # The k-th highest of the peaks of at least k stretches is not above the k-th highest of all.
        peaks = np.maximum.reduceat(near - doubt, np.arange(0, len(rows), max(1, len(rows) // (8 * k))))
        promising: Rows = rows[near + doubt >= np.partition(peaks, -k)[-k]]
        return promising

    def _make_room(self, more: int, dimensions: int) -> None:
        had = len(self._there)
        need = len(self._names) + more - len(self._free)
        if need <= had:
            return
        size = max(need, 2 * had, 64)
        self._vectors = _longer(self._vectors.reshape(had, dimensions), size)
        self._copies = _longer(self._copies.reshape(had, dimensions), size)
        self._scale, self._off, self._there = (_longer(one, size) for one in (self._scale, self._off, self._there))
        self._columns = {field: _longer(column, size) for field, column in self._columns.items()}

    def _take_row(self, name: str) -> None:
        if self._free:
            row = self._free.pop()
            self._names[row] = name
        else:
            row = len(self._names)
            self._names.append(name)
        self._row_of[name] = row


def _copied(vectors: Vector) -> tuple[NDArray[np.int8], Vector, Vector]:
    """8-bit copies of the rows, the number that each was divided by, and the length of what was lost."""
    largest = np.abs(vectors).max(axis=1, initial=0)
    scale = np.where(largest > 0, largest / np.float32(127), np.float32(1)).astype(np.float32)
    copies = np.rint(vectors / scale[:, None]).astype(np.int8)
    lost = vectors - copies * scale[:, None]
    return copies, scale, _lengths(lost)


def _lengths(vectors: Vector) -> Vector:
    lengths: Vector = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return lengths


def _longer(array: Any, size: int) -> Any:
    longer = np.zeros((size, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer
