"""The suite ``reasoning``: puzzles and arithmetic of reasoning-gym's generators, one turn each."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from knowhow.environments.discover import at_least, parse, split_list, unknown
from knowhow.environments.errors import BadSetting, EngineFailed, MissingExtra
from knowhow.environments.question import OneTurn, Question
from knowhow.environments.types import SPLITS, Split
from knowhow.environments.worker import Workers

SCORER = Path(__file__).parents[1] / "reasoning_scorer.py"

SEEDS = 1_000_000
"""Seeds of a split: a generator's n-th question is made of its seed plus n, so that no two splits share one."""

LOOKS = 5
"""How many questions are made at most for each that is wanted; some generators know only a few different ones."""


@dataclass(frozen=True, slots=True)
class Puzzle(Question):
    """A question with what makes it again, for its scorer."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    index: int = 0


class Reasoning(OneTurn):
    """The questions of one generator or of several in turn, graded by reasoning-gym's own scorers.

    ``dataset``: generators with their settings, as in ``'chain_sum(min_terms=5), leg_counting'``. ``size`` is how many
    questions training has, and validation and test a third of it each: fewer where a generator does not know as many
    different ones, for a question is in one split alone. ``seed`` makes others. A few generators (boxnet, rubiks_cube,
    ...) tell no answer: there the suite has a scorer and no oracle. One, codeio, makes other questions every time.

    Raises: BadSetting for an unknown setting; asked for tasks, UnknownName for an unknown generator and MissingExtra.
    """

    name = "reasoning"
    description = "Arithmetic, logic and puzzles made by reasoning-gym's generators, one answer each."
    licence = "Apache-2.0"
    source = "reasoning-gym (arXiv 2505.24760), https://github.com/open-thought/reasoning-gym at 0.1.25"
    extra = "worlds"

    def __init__(
        self,
        dataset: str = "chain_sum, leg_counting, letter_counting, number_sequence, spell_backward, gcd",
        *,
        size: int = 600,
        seed: int = 0,
    ) -> None:
        at_least(3, size=size)
        at_least(0, seed=seed)
        self._generators = [parse(one) for one in split_list(dataset)]
        if not self._generators:
            raise BadSetting("dataset='' names no generator; name one, as in dataset='chain_sum'")
        self._sizes: dict[Split, int] = {"train": size, "validation": size // 3, "test": size // 3}
        self._seed = seed

    def questions(self, split: Split) -> Sequence[Question]:
        return self._all[split]

    async def grade(self, question: Question, answer: str) -> float:
        """The scorer's score; 0 for an answer that it cannot stand: one that takes it too long, say."""
        assert isinstance(question, Puzzle)
        async with _workers().open() as worker:
            await worker.ask("make", question.kind, dict(question.settings), question.seed, question.index)
            try:
                return float(await worker.ask("score", answer))
            except EngineFailed:
                return 0.0

    @functools.cached_property
    def _all(self) -> Mapping[Split, Sequence[Question]]:
        """The test split first: what it asks, no other one may ask."""
        asked: set[str] = set()
        return {split: self._made(split, asked) for split in reversed(SPLITS)}

    def _made(self, split: Split, asked: set[str]) -> Sequence[Question]:
        """The questions of a split, one of each generator in turn, none of ``asked``, which grows by them."""
        size = self._sizes[split]
        each = -(-size // len(self._generators))
        seed = (self._seed * len(SPLITS) + SPLITS.index(split)) * SEEDS
        columns = [
            list(islice(_new(name, settings, seed, each * LOOKS, asked), each)) for name, settings in self._generators
        ]
        return [one for row in zip_longest(*columns) for one in row if one is not None][:size]


def _new(name: str, settings: Mapping[str, Any], seed: int, looks: int, asked: set[str]) -> Iterator[Puzzle]:
    data = _gym_data(name, settings, seed, looks)
    for index in range(looks):
        entry = data[index]
        if entry["question"] not in asked:
            asked.add(entry["question"])
            yield Puzzle(entry["question"], entry["answer"] or "", name, (), settings, seed, index)


def _gym_data(name: str, settings: Mapping[str, Any], seed: int, size: int) -> Any:
    _installed()
    import reasoning_gym
    from reasoning_gym.factory import DATASETS

    if name not in DATASETS:
        raise unknown("generator of reasoning-gym", name, sorted(DATASETS))
    try:
        return reasoning_gym.create_dataset(name, **settings, seed=seed, size=size)
    except (TypeError, AssertionError, ValueError) as error:
        raise BadSetting(f"the generator {name} does not take {dict(settings)}: {error}") from None


def _installed() -> None:
    if importlib.util.find_spec("reasoning_gym") is None:
        raise MissingExtra("the suite reasoning needs reasoning-gym; run: pip install 'knowhow-agents[worlds]'")


@functools.cache
def _workers() -> Workers:
    """All answers of this process are scored in processes forked from one."""
    _installed()
    return Workers(SCORER, label="a scorer of reasoning-gym", seconds=60)
