"""One context budget for several banks, split by what their items have proved to be worth."""

from __future__ import annotations

from collections.abc import Sequence

from knowhow.memory.proof.effects import Evidence
from knowhow.memory.types import Item

DOUBT = 10.0
"""Evidence, in pairs' worth, that an estimate has to outweigh."""
HOPE = 0.05
"""The effect that an item without evidence is taken to have."""
LEAST = 0.1
"""The part of an even share that a bank gets even where it has proved worthless."""


def shares(tokens: int, needs: Sequence[int], items: Sequence[Sequence[Item]]) -> list[int]:
    """Tokens for each bank, together at most ``tokens``, none more than it needs. What one bank does not need is split
    among the others, in proportion to the worth of their items."""
    weights = [max(sum(map(worth, own)), 1e-9) for own in items]
    least = LEAST * sum(weights) / max(1, len(weights))
    weights = [max(weight, least) for weight in weights]
    got, open_ones, left = [0] * len(needs), [at for at, need in enumerate(needs) if need], tokens
    while open_ones:
        whole = sum(weights[at] for at in open_ones)
        sated = [at for at in open_ones if needs[at] <= left * weights[at] / whole]
        if not sated:
            for at in open_ones:
                got[at] = int(left * weights[at] / whole)
            break
        for at in sated:
            got[at] = needs[at]
        left -= sum(needs[at] for at in sated)
        open_ones = [at for at in open_ones if at not in sated]
    return got


def worth(item: Item) -> float:
    """The item's effect, shrunk towards a small hope where there is little evidence; at least 0."""
    evidence = Evidence.of(item.effect)
    return max(0.0, (evidence.total + HOPE * DOUBT) / (evidence.weight + DOUBT))
