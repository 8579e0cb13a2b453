"""A suite of questions that nothing in Knowhow was written for: what is asked for is told in made-up words."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from knowhow.environments.question import OneTurn, Question
from knowhow.environments.types import SPLITS, Split

NAMES = ["marla", "orwin", "tesk", "quint", "halvard", "brisa", "loom", "edda"]


class Ledger(OneTurn):
    """To grumple numbers is to take their largest, to snarf a name is to spell it from its end."""

    name = "ledger"
    description = "Grumple and snarf."
    licence = "Apache-2.0"
    source = "made for a test"

    def questions(self, split: Split) -> Sequence[Question]:
        random = Random(f"ledger/{split}")
        return [self._one(random, SPLITS.index(split) + 3 * n) for n in range(60)]

    def _one(self, random: Random, number: int) -> Question:
        if number % 2:
            name = f"{random.choice(NAMES)}{random.choice(NAMES)}"
            return Question(f"Snarf this name: {name}", name[::-1], "snarf")
        numbers = random.sample(range(100, 1000), 4)
        return Question(
            f"Grumple the entries {', '.join(map(str, numbers))} of page {number}!", str(max(numbers)), "grumple"
        )
