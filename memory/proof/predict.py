"""What items are predicted to do, from the paired replays so far: for less noise in the evidence, never as evidence.

A ridge regression, in the dual form (a Gaussian process), of a pair's difference in reward on which of the two episodes
showed which item. An item's effect at a kind of task is an effect everywhere plus one at that kind, both small before
any evidence. It is a control variate (as CUPED in online experiments, Deng et al. 2013): a bad prediction costs power
and never validity, because it is made before the pair that it is used for, and an item's own part is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MOST = 0.5
"""How much of a difference is at most put down to other items, in rewards."""
_WINDOW = 300
"""Pairs that are looked back upon."""
_EVERYWHERE, _AT_KIND, _LUCK = 0.02, 0.1, 0.15
"""Variances, in squared rewards: of an item's effect everywhere, of what a kind of task adds to it, and of luck."""


class Dealt(Protocol):
    """What is needed of an episode, or of its summary."""

    @property
    def shown(self) -> Sequence[str]: ...
    @property
    def withheld(self) -> Sequence[str]: ...


def sides(one: Dealt, other: Dealt) -> dict[str, float]:
    """The items that one of two episodes showed and the other went without: 1 where the first one showed it, else
    -1."""
    first, second = {*one.shown} & {*other.withheld}, {*other.shown} & {*one.withheld}
    return {**dict.fromkeys(sorted(first), 1.0), **dict.fromkeys(sorted(second), -1.0)}


@dataclass
class Predictions:
    """What earlier pairs say; ``tell`` it of a pair only after that was scored."""

    _columns: dict[str, int] = field(default_factory=dict)
    _dealt: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    _told: list[tuple[str, float]] = field(default_factory=list)
    _effects: dict[str, dict[str, float]] = field(default_factory=dict)

    def tell(self, kind: str, dealt: Mapping[str, float], difference: float) -> None:
        """A pair at a task of this kind: ``sides`` of it, and the first reward less the second."""
        if not dealt:
            return
        for id in dealt:
            self._columns.setdefault(id, len(self._columns))
        row = np.zeros((1, len(self._columns)))
        row[0, [self._columns[id] for id in dealt]] = list(dealt.values())
        before = np.pad(self._dealt, ((0, 0), (0, row.shape[1] - self._dealt.shape[1])))
        self._dealt = np.vstack([before, row])[-_WINDOW:]
        self._told = [*self._told, (kind, difference)][-_WINDOW:]
        self._effects.clear()

    def effects(self, kind: str) -> Mapping[str, float]:
        """The predicted effect, in rewards, of each item on tasks of this kind."""
        if kind not in self._effects:
            self._effects[kind] = self._solve(kind)
        return self._effects[kind]

    def rest(self, kind: str, dealt: Mapping[str, float]) -> dict[str, float]:
        """For each item, what all the others are predicted to make of the pair's difference, in [-MOST, MOST]."""
        effects = self.effects(kind)
        parts = {id: side * effects.get(id, 0.0) for id, side in dealt.items()}
        whole = sum(parts.values())
        return {id: max(-MOST, min(MOST, whole - own)) for id, own in parts.items()}

    def _solve(self, kind: str) -> dict[str, float]:
        kinds = np.array([told for told, _ in self._told])
        differences = np.array([difference for _, difference in self._told])
        alike = _EVERYWHERE + _AT_KIND * (kinds[:, None] == kinds[None, :])
        spread = self._dealt @ self._dealt.T * alike + _LUCK * np.eye(len(kinds))
        pull = np.linalg.solve(spread, differences) * (_EVERYWHERE + _AT_KIND * (kinds == kind))
        return dict(zip(self._columns, (pull @ self._dealt).tolist(), strict=True))
