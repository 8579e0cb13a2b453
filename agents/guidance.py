"""What a method corrects by: its own judgement alone, something outside, or the label (arXiv 2310.01798).

The three are never to be mixed up: stopping by the label is an upper bound, and no gain that an agent could have by
itself. Each method and search says of itself which it is, by ``corrects``.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

DECLARED = "corrects"
"""The attribute of a method or search that holds what it says."""
Made = TypeVar("Made", bound=Callable[..., object])


class Guidance(StrEnum):
    """From the weakest to the strongest."""

    NONE = "none"
    """Nothing is corrected: the plain agent."""
    INTRINSIC = "intrinsic"
    """The model's own judgement, with nothing that the plain agent does not see."""
    EXTERNAL = "external"
    """More than the plain agent sees: what the world said to a whole attempt, or another model."""
    ORACLE = "oracle"
    """The label itself: it stops, or chooses, by the reward."""
    UNDECLARED = "undeclared"
    """A part that does not say; taken for the strongest."""


def corrects(by: Guidance, *, shown: Guidance | None = None) -> Callable[[Made], Made]:
    """Declares what a method or a search corrects by; ``shown``: by what else, where the suite shows its reward."""

    def declared(made: Made) -> Made:
        setattr(made, DECLARED, (by, shown or by))
        return made

    return declared
